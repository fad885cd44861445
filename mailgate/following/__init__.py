"""Sources of the directory on LDAP servers, followed while the gateway serves."""
