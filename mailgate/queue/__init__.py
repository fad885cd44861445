"""Messages that leave: the durable queue, its retries, and what their writers are told."""
