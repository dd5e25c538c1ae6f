//! What becomes of an account.

use std::{slice, time::Duration};

use lmall_domain::{
    Timestamp,
    customer::{Address, Customer, Email, MailKind, PasswordHash, Person, Rejection, Standing},
    event::Event,
    limits,
};

const NOW: Timestamp = Timestamp::from_millis(1_768_386_600_000);

fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(text.to_owned())
}

fn account(name: &str) -> Customer {
    let mut person = Person::new(Email::normalised(&format!("{name}@example.org")), None);
    person.password = Some(hash("first"));
    Customer::new(format!("cus_{name}").parse().expect("an id"), person, NOW)
}

fn verified(name: &str) -> Customer {
    let (mailed, _) = account(name).mailed(MailKind::VerifyEmail, NOW).expect("a mail");
    mailed.verified(1, NOW).expect("the answer")
}

fn address(city: &str) -> Address {
    let line = "x".to_owned();
    Address {
        recipient: line.clone(),
        line1: line,
        line2: None,
        postal_code: None,
        city: city.to_owned(),
        region: None,
        country: "DE".to_owned(),
    }
}

#[test]
fn a_mail_is_answered_once_in_time_and_only_the_last_one() {
    let (first, event) = account("ann").mailed(MailKind::VerifyEmail, NOW).unwrap();
    let Event::CustomerMailRequested(mail) = event else { panic!("{event:?}") };
    assert_eq!((MailKind::of(&mail), mail.number, first.events), (MailKind::VerifyEmail, 1, 1));
    let (second, _) = first.mailed(MailKind::VerifyEmail, NOW).unwrap();
    let week = NOW.after(Duration::from_secs(7 * 86_400));
    assert_eq!(second.clone().verified(1, NOW), Err(Rejection::NotAwaited), "an older one");
    assert_eq!(second.clone().verified(2, week), Err(Rejection::NotAwaited), "too late");
    assert_eq!(second.clone().reset(2, hash("x"), NOW), Err(Rejection::NotAwaited), "for another");
    let done = second.verified(2, NOW).unwrap();
    assert!(done.person().unwrap().may_sign_in());
    assert_eq!(done.verified(2, NOW), Err(Rejection::NotAwaited), "once");
}

#[test]
fn who_reads_the_mail_sets_the_password_and_an_older_link_ends() {
    let (customer, _) = account("ann").mailed(MailKind::VerifyEmail, NOW).unwrap();
    let (customer, _) = customer.mailed(MailKind::ResetPassword, NOW).unwrap();
    let after = customer.reset(2, hash("second"), NOW).unwrap();
    let person = after.person().unwrap();
    assert_eq!((person.password.clone(), person.verified_at), (Some(hash("second")), Some(NOW)));
    assert_eq!(after.verified(1, NOW), Err(Rejection::NotAwaited));
}

#[test]
fn who_registers_last_is_believed_until_somebody_has_proved_the_address() {
    let again = |customer: Customer| customer.registered_again(hash("second"), None, NOW).unwrap();
    let (unproved, event) = again(account("ann"));
    let Event::CustomerMailRequested(mail) = event else { panic!("{event:?}") };
    assert_eq!(MailKind::of(&mail), MailKind::VerifyEmail);
    assert_eq!(unproved.person().unwrap().password, Some(hash("second")));
    let (proved, event) = again(verified("ann"));
    let Event::CustomerMailRequested(mail) = event else { panic!("{event:?}") };
    assert_eq!(MailKind::of(&mail), MailKind::AlreadyRegistered);
    assert_eq!(proved.person().unwrap().password, Some(hash("first")));
}

#[test]
fn who_reads_the_mail_to_another_address_has_that_one_and_the_one_before_is_told() {
    let [ann, new] = ["ann", "new"].map(|name| Email::normalised(&format!("{name}@example.org")));
    let (before, _) = verified("ann").mailed(MailKind::ResetPassword, NOW).unwrap();
    assert_eq!(before.clone().moving(ann.clone(), NOW).map(drop), Err(Rejection::Unchanged));
    assert_eq!(before.clone().moved(3, NOW).map(drop), Err(Rejection::NotAwaited), "not asked for");
    let (asked, event) = before.moving(new.clone(), NOW).unwrap();
    let Event::CustomerMailRequested(mail) = event else { panic!("{event:?}") };
    assert_eq!((MailKind::of(&mail), mail.number), (MailKind::ChangeEmail, 3));
    assert_eq!(asked.person().unwrap().emails, slice::from_ref(&ann), "not before it is answered");
    let hour = NOW.after(Duration::from_secs(3_600));
    assert_eq!(asked.clone().moved(3, hour).map(drop), Err(Rejection::NotAwaited), "too late");
    assert_eq!(asked.clone().moved(2, NOW).map(drop), Err(Rejection::NotAwaited), "for another");
    let (moved, event) = asked.moved(3, NOW).unwrap();
    let Event::CustomerMailRequested(mail) = event else { panic!("{event:?}") };
    assert_eq!((MailKind::of(&mail), mail.number), (MailKind::EmailChanged, 4));
    let person = moved.person().unwrap();
    assert_eq!(person.emails, slice::from_ref(&new));
    let told = person.awaited(MailKind::EmailChanged, 4, NOW).expect("a mail");
    assert_eq!(told.email, ann);
    assert_eq!(moved.reset(2, hash("x"), NOW), Err(Rejection::NotAwaited), "it was sent to ann");
}

#[test]
fn an_address_that_came_with_another_account_may_become_the_first() {
    let (_, both, _) = verified("bob").merged(verified("ann"), NOW).unwrap();
    let bob = Email::normalised("bob@example.org");
    let number = both.mails + 1;
    let (asked, _) = both.moving(bob.clone(), NOW).unwrap();
    let (moved, _) = asked.moved(number, NOW).unwrap();
    assert_eq!(moved.person().unwrap().emails, [bob]);
}

#[test]
fn an_account_that_is_gone_stays_so() {
    let (gone, _) = verified("ann").erased(NOW).unwrap();
    assert!(gone.is_to_be_wiped() && !gone.clone().wiped().is_to_be_wiped());
    assert!(!serde_json::to_string(&gone).unwrap().contains("example.org"), "nothing personal");
    assert_eq!(gone.clone().erased(NOW).map(drop), Err(Rejection::Gone));
    assert_eq!(gone.clone().mailed(MailKind::ResetPassword, NOW).map(drop), Err(Rejection::Gone));
    assert_eq!(gone.clone().merged(verified("bob"), NOW).map(drop), Err(Rejection::Gone));
    assert_eq!(verified("bob").merged(gone, NOW).map(drop), Err(Rejection::Gone));
}

#[test]
fn the_account_that_stays_keeps_its_own_and_takes_what_it_has_not() {
    let id = |id: &str| id.parse().unwrap();
    let named = |customer: Customer, name: &str| {
        customer.changed(|person| {
            person.name = Some(name.to_owned());
            Ok(())
        })
    };
    let from = named(verified("ann"), "Ann").unwrap();
    let from = from.with_address(&id("home"), address("Rome")).unwrap();
    let from = from.with_address(&id("work"), address("Rome")).unwrap();
    let into = verified("bob").with_address(&id("home"), address("Oslo")).unwrap();
    let (gone, into, event) = from.merged(into, NOW).unwrap();
    assert!(matches!(event, Event::CustomerMerged(merged) if merged.into == into.id));
    assert!(matches!(&gone.standing, Standing::Merged { into: other, .. } if *other == into.id));
    let person = into.person().unwrap();
    assert_eq!(
        person.emails,
        ["bob", "ann"].map(|n| Email::normalised(&format!("{n}@example.org")))
    );
    assert_eq!(person.name.as_deref(), Some("Ann"), "it had none");
    let cities: Vec<_> = person.addresses.values().map(|address| address.city.as_str()).collect();
    assert_eq!(cities, ["Oslo", "Rome"]);
    assert_eq!(
        verified("ann").merged(verified("ann"), NOW).map(drop),
        Err(Rejection::NotMergeable)
    );
}

#[test]
fn nobody_has_more_addresses_than_are_kept() {
    let mut customer = account("ann");
    for number in 0..limits::ADDRESSES_MAX {
        let id = format!("a{number}").parse().unwrap();
        customer = customer.with_address(&id, address("Rome")).unwrap();
    }
    let (known, new) = ("a0".parse().unwrap(), "new".parse().unwrap());
    assert!(customer.clone().with_address(&known, address("Oslo")).is_ok(), "it is there already");
    assert_eq!(customer.with_address(&new, address("Oslo")), Err(Rejection::TooMany));
}
