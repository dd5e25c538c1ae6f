//! Who comes from an identity provider, which is somebody else's program.

use lmall_servers::IdentityProvider;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Call, PASSWORD, Server, text};

/// The users of the provider: one with a proved address, one without.
const USERS: [&str; 2] = [
    r#"{"sub":"ann-there","email":"ann@example.org","email_verified":true,"name":"Ann There"}"#,
    r#"{"sub":"eve-there","email":"ann@example.org","email_verified":false}"#,
];

/// Where the provider sends browsers back: the path is what counts here.
const BACK: &str = "http://127.0.0.1:1/v1/sessions/providers/mock/callback";

struct World {
    shop: Server,
    provider: IdentityProvider,
}

/// A browser on its way.
struct Visit {
    /// The path with the code.
    back: String,
    cookie: String,
}

impl World {
    async fn start() -> Self {
        let provider = IdentityProvider::start(&USERS);
        let configured = json!([{
            "name": "mock", "issuer": provider.url(), "client_id": "shop",
            "client_secret": "hush", "redirect_url": BACK,
        }]);
        let variables = [("LMALL_IDENTITY_PROVIDERS", configured.to_string())];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        Self { shop: Server::start_with(&variables).await, provider }
    }

    /// Goes to the provider and logs in there as this user.
    async fn visit(&self, user: &str) -> Visit {
        let sent = self.shop.send(Call::get("/v1/sessions/providers/mock")).await;
        assert_eq!(sent.status, 303, "{}", sent.text());
        let location = sent.header("location").to_owned();
        for wanted in ["code_challenge_method=S256", "code_challenge=", "nonce=", "state="] {
            assert!(location.contains(wanted), "{location}");
        }
        let cookie = sent.header("set-cookie");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        let cookie = cookie.split(';').next().expect("a cookie").to_owned();
        let there = Api::new(self.provider.url());
        let path = location.strip_prefix(&self.provider.url()).expect("the provider");
        let form = Call::post(path).header("content-type", "application/x-www-form-urlencoded");
        let back = there.send(form.body(format!("sub={user}"))).await;
        assert_eq!(back.status, 302, "{}", back.text());
        let back = back.header("location").strip_prefix("http://127.0.0.1:1").expect("back");
        Visit { back: back.to_owned(), cookie }
    }

    async fn come_back(&self, visit: &Visit) -> Answer {
        self.shop.send(Call::get(&visit.back).header("cookie", &visit.cookie)).await
    }

    async fn account(&self, session: &Value) -> Value {
        self.shop.as_customer(session, Call::get("/v1/customers/me")).await.json(200)
    }
}

#[tokio::test]
async fn who_is_vouched_for_gets_an_account_and_finds_it_again() {
    let world = World::start().await;
    let names = world.shop.send(Call::get("/v1/sessions/providers")).await.json(200);
    assert_eq!(names, json!({ "items": ["mock"] }));
    let visit = world.visit("ann-there").await;
    let came = world.come_back(&visit).await;
    assert!(came.header("set-cookie").contains("Max-Age=0"), "the flow is over");
    let session = came.json(201);
    let account = world.account(&session).await;
    assert_eq!(
        (&account["email"], &account["name"]),
        (&json!("ann@example.org"), &json!("Ann There"))
    );
    assert_eq!(
        (&account["has_password"], &account["identity_providers"]),
        (&json!(false), &json!(["mock"]))
    );
    let again = world.come_back(&world.visit("ann-there").await).await.json(201);
    assert_eq!(again["customer_id"], session["customer_id"]);
    // A code is good once, whatever the cookie says.
    world.come_back(&visit).await.problem(401, "not-let-in");
}

#[tokio::test]
async fn a_browser_that_was_not_sent_there_is_not_let_in() {
    let world = World::start().await;
    let (ours, other) = (world.visit("ann-there").await, world.visit("ann-there").await);
    let none = world.shop.send(Call::get(&ours.back)).await;
    none.problem(401, "not-let-in");
    let mixed = Visit { back: ours.back.clone(), cookie: other.cookie };
    world.come_back(&mixed).await.problem(401, "not-let-in");
    // Their state, with our code: a state that fits the cookie, and a nonce that does not.
    let code =
        |visit: &str| visit.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let swapped = ours.back.replace(&code(&ours.back), &code(&other.back));
    let swapped = Visit { back: swapped, cookie: ours.cookie };
    world.come_back(&swapped).await.problem(401, "not-let-in");
    world.shop.send(Call::get("/v1/sessions/providers/none")).await.problem(404, "not-found");
}

#[tokio::test]
async fn an_account_is_linked_only_when_both_sides_have_proved_the_address() {
    let world = World::start().await;
    let shop = &world.shop;
    // A stranger has registered with the address and waits for its owner.
    assert_eq!(shop.register("ann@example.org", PASSWORD).await.status, 202);
    let mail = shop.mail("ann@example.org", 1).await;
    // The provider has not proved the address either.
    world.come_back(&world.visit("eve-there").await).await.problem(401, "no-address");
    let owner = world.come_back(&world.visit("ann-there").await).await.json(201);
    shop.verify(text(&mail, "token"), PASSWORD).await.problem(401, "not-let-in");
    shop.log_in("ann@example.org", PASSWORD).await.problem(401, "not-let-in");
    assert_eq!(world.account(&owner).await["has_password"], false);
}

#[tokio::test]
async fn an_account_with_a_proved_address_is_linked() {
    let world = World::start().await;
    let here = world.shop.signed_in("ann@example.org").await;
    let there = world.come_back(&world.visit("ann-there").await).await.json(201);
    assert_eq!(there["customer_id"], here["customer_id"]);
    let account = world.account(&here).await;
    assert_eq!(
        (&account["has_password"], &account["identity_providers"]),
        (&json!(true), &json!(["mock"]))
    );
}
