"""DKIM keys of this installation's domains: kept, rotated, and used on what leaves."""
