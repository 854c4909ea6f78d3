-- The trunk that a call came over, by its name; NULL when it came over none. What a call that was cut off is charged by.
ALTER TABLE calls ADD COLUMN trunk TEXT;
