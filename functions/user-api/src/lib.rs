//! The user service: accounts, sessions, tokens, profiles.
