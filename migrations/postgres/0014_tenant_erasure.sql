-- The erasure of a business. Since `erasing_at` nothing shows it and its numbers are free; at `erased_at` nothing was left
-- that names anybody. The row itself stays: what was charged hangs on it.
ALTER TABLE tenants ADD COLUMN erasing_at timestamptz;
ALTER TABLE tenants ADD COLUMN erased_at timestamptz;
