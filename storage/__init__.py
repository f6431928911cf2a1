"""Every SQL statement of the product: tables, migrations, and one file of statements per noun."""
