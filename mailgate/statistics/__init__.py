"""How much the gateway is used, by month, school and profile: counts that name nobody, made of what is known anyway."""
