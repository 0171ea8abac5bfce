"""PostgreSQL and TimescaleDB: schema, writing, reading, datasets. Alone knows psycopg."""
