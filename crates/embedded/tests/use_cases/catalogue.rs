//! The product service, and the order service's copy of prices.

use super::{
    Step,
    faults::{Crash, Moment},
    world::{World, bob, confirmed, confirmed_of_bob, customer},
};

/// Runs `act` after `arrange` in as many ways as a process can die in it, and looks each time.
async fn check(arrange: Step, act: Step, look: impl AsyncFn(&World)) {
    let world = World::new().await;
    arrange(&world).await.expect("the stage is set");
    world.faults.arm(None);
    act(&world).await.expect("undisturbed, it succeeds");
    let calls = world.faults.calls();
    look(&world).await;
    let rows = world.rows().await;
    act(&world).await.expect("repeated, it succeeds");
    assert_eq!(world.rows().await, rows, "repeated, it changes nothing");
    assert!(calls > 0, "it calls a port");
    for call in 1..=calls {
        for moment in [Moment::Before, Moment::After] {
            let mut world = World::new().await;
            arrange(&world).await.expect("the stage is set");
            world.faults.arm(Some(Crash { call, moment }));
            // It may have succeeded all the same: a price that is not told in person is durable.
            act(&world).await.ok();
            world.restart().await;
            act(&world).await.expect("it can be repeated");
            look(&world).await;
            assert_eq!(world.rows().await.len(), rows.len(), "{call} {moment:?}");
        }
    }
}

#[tokio::test]
async fn a_price_is_put_once_and_the_order_service_has_it() {
    let put: Step = step!(|world| world.put_tea(500).await);
    check(step!(|_world| Ok(())), put, async |world| {
        assert_eq!(world.copied_price().await, Some((500, 1)));
        assert_eq!(world.outcome().await, ["product.changed", "0/0/0"]);
    })
    .await;
    let again: Step = step!(|world| world.put_tea(700).await);
    check(put, again, async |world| {
        assert_eq!(world.copied_price().await, Some((700, 2)));
        assert_eq!(world.outcome().await, ["product.changed", "product.changed", "0/0/0"]);
    })
    .await;
}

#[tokio::test]
async fn an_older_price_never_takes_the_place_of_a_newer_one() {
    let newest: Step = step!(|world| world.hear_of_tea(3, 700).await);
    let older: Step = step!(|world| world.hear_of_tea(2, 500).await);
    check(step!(|_world| Ok(())), newest, async |world| {
        assert_eq!(world.copied_price().await, Some((700, 3)));
    })
    .await;
    check(newest, older, async |world| {
        assert_eq!(world.copied_price().await, Some((700, 3)));
    })
    .await;
}

#[tokio::test]
async fn what_was_bought_is_noted_once() {
    let buy: Step = step!(|world| world.to_product(2, confirmed()).await);
    check(step!(|_world| Ok(())), buy, async |world| {
        assert_eq!(world.together().await, [("cup".to_owned(), 1)]);
    })
    .await;
}

#[tokio::test]
async fn a_review_is_counted_once_and_replaced_by_a_later_one() {
    let bought: Step = step!(|world| world.to_product(2, confirmed()).await);
    let review: Step = step!(|world| world.review(2).await);
    check(bought, review, async |world| {
        assert_eq!(world.stars().await, ([0, 1, 0, 0, 0], 1));
    })
    .await;
    let reviewed: Step = step!(|world| {
        world.to_product(2, confirmed()).await?;
        world.review(2).await
    });
    let better: Step = step!(|world| world.review(5).await);
    check(reviewed, better, async |world| {
        assert_eq!(world.stars().await, ([0, 0, 0, 0, 1], 1));
    })
    .await;
    let world = World::new().await;
    world.review(5).await.expect_err("only who has bought it may");
}

#[tokio::test]
async fn of_an_erased_customer_nothing_is_left() {
    let reviewed: Step = step!(|world| {
        world.to_product(2, confirmed()).await?;
        world.review(4).await
    });
    let erase: Step = step!(|world| world.erase().await);
    check(reviewed, erase, async |world| {
        assert_eq!(world.stars().await, ([0; 5], 0));
        world.review(5).await.expect_err("nothing says any more that it was bought");
        // Told late of an order, it keeps nothing of it.
        world.to_product(9, confirmed()).await.expect("it is noted");
        world.review(5).await.expect_err("nothing is kept of them");
        let rows = world.rows().await;
        let of_anna = rows.iter().filter(|row| row.contains("Catalogue customer#anna"));
        let mut of_anna: Vec<_> = of_anna.collect();
        of_anna
            .retain(|row| !row.contains(" erased: ") && !row.contains("handled#anna-customer-1"));
        assert!(of_anna.is_empty(), "{of_anna:?}");
    })
    .await;
}

#[tokio::test]
async fn whoever_becomes_another_customer_takes_purchases_and_reviews_along() {
    let reviewed: Step = step!(|world| {
        world.to_product(2, confirmed()).await?;
        world.review(4).await
    });
    let merge: Step = step!(|world| world.merge().await);
    check(reviewed, merge, async |world| {
        assert_eq!(world.stars().await, ([0, 0, 0, 1, 0], 1), "it is there still");
        world.review(5).await.expect_err("there is no such customer any more");
        world.bob_reviews(5).await.expect("it was bought by him");
        assert_eq!(world.stars().await, ([0, 0, 0, 0, 1], 1), "and is in place of the old one");
        // Told late of an order, it knows whose it is.
        world.to_product(9, confirmed()).await.expect("it is noted");
        assert_eq!(world.together().await, [("cup".to_owned(), 1)]);
        let rows = world.rows().await;
        let bought = rows.iter().filter(|row| row.contains("customer#anna bought#"));
        assert_eq!(bought.count(), 0, "{rows:#?}");
    })
    .await;
    let both: Step = step!(|world| {
        world.to_product(2, confirmed_of_bob()).await?;
        world.bob_reviews(2).await?;
        world.to_product(3, confirmed()).await?;
        world.review(4).await
    });
    let merge: Step = step!(|world| world.merge().await);
    check(both, merge, async |world| {
        assert_eq!(world.stars().await, ([0, 1, 0, 0, 0], 1), "his own review stays");
    })
    .await;
}

#[tokio::test]
async fn who_is_erased_at_that_very_moment_is_given_nothing() {
    let nothing: Step = step!(|_world| Ok(()));
    let buy: Step = step!(|world| world.to_product(2, confirmed()).await);
    let review: Step = step!(|world| world.review(4).await);
    let reviewed: Step = step!(|world| {
        world.to_product(2, confirmed()).await?;
        world.review(4).await
    });
    let merge: Step = step!(|world| world.merge().await);
    for (arrange, act, gone) in
        [(nothing, buy, customer()), (buy, review, customer()), (reviewed, merge, bob())]
    {
        let world = World::new().await;
        arrange(&world).await.expect("the stage is set");
        world.faults.arm(None);
        act(&world).await.expect("undisturbed, it succeeds");
        for call in 1..=world.faults.calls() {
            let world = World::new().await;
            arrange(&world).await.expect("the stage is set");
            world.erased_before(call, gone.clone());
            // A review is refused once its author is gone.
            act(&world).await.ok();
            let rows = world.rows().await;
            let partition = format!("Catalogue customer#{gone} ");
            let kept = rows.iter().filter(|row| row.starts_with(&partition));
            let kept: Vec<_> =
                kept.filter(|row| row.contains("bought#") || row.contains("review#")).collect();
            assert!(kept.is_empty(), "before call {call}: {kept:#?}");
            assert_eq!(world.stars().await, ([0; 5], 0), "before call {call}");
        }
    }
}
