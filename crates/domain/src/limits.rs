//! Every limit of the system, with its derivation.

/// Lines of an order, as sent. A stock transaction of 40 lines with two buckets each, its
/// reservation, dedupe and outbox rows fit into [`TRANSACTION_WRITES_MAX`].
pub const ORDER_LINES_MAX: usize = 40;

/// Units of one SKU in an order, after merging lines.
pub const QUANTITY_MAX: u32 = 1_000;

/// A price of one unit, in minor units: with it the dearest order, [`ORDER_LINES_MAX`] times
/// [`QUANTITY_MAX`] units, stays far below what an `i64` and a JSON double hold exactly.
pub const UNIT_PRICE_MAX: i64 = 10_000_000_000;

/// Characters of a product name.
pub const PRODUCT_NAME_MAX: usize = 200;

/// Characters of a product's description: two pages.
pub const DESCRIPTION_MAX: usize = 4_000;

/// Categories that one product is in.
pub const PRODUCT_CATEGORIES_MAX: usize = 8;

/// Names in the path of a category.
pub const CATEGORY_DEPTH_MAX: usize = 5;

/// Characters of one of them.
pub const CATEGORY_NAME_MAX: usize = 40;

/// Prices of a product that begin at some time: a change a month in five currencies, for a year.
pub const PRICES_MAX: usize = 60;

/// Rules of a product. All of them are looked at for each line.
pub const RULES_MAX: usize = 32;

/// Steps of a rule.
pub const RULE_STEPS_MAX: usize = 8;

/// Characters of a rule's id.
pub const RULE_ID_MAX: usize = 64;

/// Bytes of the largest message: SNS and SQS take 256 KiB with all attributes.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// Characters of a review.
pub const REVIEW_TEXT_MAX: usize = 2_000;

/// Characters of the name under which it is shown.
pub const REVIEW_AUTHOR_MAX: usize = 60;

/// Writes of one transaction: DynamoDB's limit for `TransactWriteItems`.
pub const TRANSACTION_WRITES_MAX: usize = 100;

/// Bytes of one transaction: DynamoDB's limit of 4 MB.
pub const TRANSACTION_BYTES_MAX: usize = 4_000_000;

/// Buckets that the ledger row of one SKU may be split into.
pub const BUCKETS_MAX: u8 = 64;

/// Bucket movements of one stock transaction: what is left of [`TRANSACTION_WRITES_MAX`] beside
/// the reservation, dedupe and outbox rows.
pub const ALLOCATIONS_MAX: usize = TRANSACTION_WRITES_MAX - 3;

/// Units that a SKU's ledger may hold: receipts above it are refused, so that sums never overflow.
pub const STOCK_MAX: i64 = 1_000_000_000_000;

/// Provider events kept in one payment row: about 200 bytes each, far below an item's 400 KB.
pub const MOVEMENTS_MAX: usize = 500;

/// Bytes of a request's body. A webhook's is stored whole, as evidence.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// Seconds that `Prefer: wait=N` may ask for.
pub const WAIT_S_MAX: u64 = 10;

const _: () = assert!(ORDER_LINES_MAX * 2 <= ALLOCATIONS_MAX);
// The largest transactions: a webhook's body, escaped, with the longest payment; or every bucket
// that an order can touch. A movement stays under 2 KB and a bucket's row under 4 KB.
const _: () = assert!(2 * BODY_BYTES_MAX + 2_000 * MOVEMENTS_MAX < TRANSACTION_BYTES_MAX);
const _: () = assert!(4_000 * ALLOCATIONS_MAX < TRANSACTION_BYTES_MAX);
const _: () = assert!(UNIT_PRICE_MAX < i64::MAX / 40 / 1_000);
// The longest `product.changed`: a price or a step stays under 200 bytes, a rule without its steps
// under 500 (its id may be of characters of four bytes, or of escapes of six).
const _: () = assert!(
    200 * PRICES_MAX + (500 + 200 * RULE_STEPS_MAX) * RULES_MAX + 6 * PRODUCT_NAME_MAX + 1_000
        < MESSAGE_BYTES_MAX
);

/// Characters of a name, and of each line of an address: the longest names of streets have half
/// of it.
pub const PERSONAL_TEXT_MAX: usize = 200;

/// Addresses of one customer. At seven lines of [`PERSONAL_TEXT_MAX`] characters each, a
/// customer's row stays below half of an item's 400 KB.
pub const ADDRESSES_MAX: usize = 20;

/// Sessions of one customer, with those that ended and are not forgotten yet: more than anybody has
/// devices. All are read when one begins.
pub const SESSIONS_MAX: usize = 100;

/// E-mail addresses and identities of one customer, each: one is what they begin with, and each
/// account merged into theirs may bring more. All are written in one transaction.
pub const NAMES_MAX: usize = 10;

/// Bytes of an e-mail address: what a mail server has to take (RFC 5321, 4.5.3.1.3).
pub const EMAIL_BYTES_MAX: usize = 254;

/// Characters of a password: less would be guessed, and bcrypt reads no more bytes than 72.
pub const PASSWORD_CHARS_MIN: usize = 10;

/// Bytes of a password, in UTF-8. bcrypt reads 72; a longer one is refused, because two that
/// differ past that place would be the same password.
pub const PASSWORD_BYTES_MAX: usize = 72;

const _: () = assert!(ADDRESSES_MAX * 7 * PERSONAL_TEXT_MAX * 4 < 200_000);
// Two customers, and what both are called, twice; an event.
const _: () = assert!(3 + 4 * NAMES_MAX < TRANSACTION_WRITES_MAX);
