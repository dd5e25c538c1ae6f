//! The id generator: order ids in batches, and their public form.
