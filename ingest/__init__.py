"""From the broker's bytes to stored rows: decode, check, batch, commit, acknowledge."""
