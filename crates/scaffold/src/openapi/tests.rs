//! Proposals from small descriptions.
