-- The devices whose clocks were ever wrong, soon found: what the final clock verdict goes by.
CREATE INDEX device_clock_wrong ON device_clock (device)
WHERE known AND (abs(offset_us) > 60000000 OR abs(claim_us) > 60000000);
