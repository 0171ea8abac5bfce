"""The plain shared vocabulary of Hoshyar: nothing here knows a service or a library of one stage."""
