use std::net::{IpAddr, Ipv4Addr};
use std::task::{Context, Poll, Waker};

use super::{Charge, Grant, Pool};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

#[test]
fn waiters_are_served_in_order() {
    let pool = Pool::new(100, 100);
    let (mut first, mut returned) = (Charge::new(&pool, HERE), Charge::new(&pool, HERE));
    let mut second = Charge::new(&pool, HERE);
    let mut third = Charge::new(&pool, HERE);
    assert!(first.try_take(60) && returned.try_take(30));
    let mut large = second.wait(Some(50)).unwrap();
    assert!(!third.try_take(5), "barged past a waiter");
    let mut small = third.wait(Some(5)).unwrap();
    assert_eq!(large.poll(&mut cx()), Poll::Pending);
    assert_eq!(small.poll(&mut cx()), Poll::Pending);
    drop(returned);
    assert_eq!(small.poll(&mut cx()), Poll::Pending);
    first.settle(40, true);
    assert_eq!(large.poll(&mut cx()), Poll::Ready(Grant::Bytes(50)));
    assert_eq!(small.poll(&mut cx()), Poll::Ready(Grant::Bytes(5)));
    assert_eq!(pool.in_use(), 95);
}

#[test]
fn whoever_gives_up_blocks_nobody() {
    let pool = Pool::new(100, 100);
    let mut holder = Charge::new(&pool, HERE);
    assert!(holder.try_take(60));
    let mut waiting = Charge::new(&pool, HERE);
    let large = waiting.wait(Some(100)).unwrap();
    let mut small = waiting.wait(Some(40)).unwrap();
    assert_eq!(small.poll(&mut cx()), Poll::Pending);
    drop(large);
    let Poll::Ready(grant) = small.poll(&mut cx()) else {
        panic!("not granted")
    };
    waiting.receive(grant);
    // Granted, not taken, given up: the bytes come back.
    let mut other = Charge::new(&pool, HERE);
    let granted = other.wait(Some(1)).unwrap();
    drop(holder);
    assert_eq!(pool.in_use(), 41);
    drop(granted);
    assert_eq!(pool.in_use(), 40);
    drop(waiting);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn frames_that_hold_bytes_complete_one_at_a_time() {
    let pool = Pool::new(100, 100);
    let (mut first, mut second) = (Charge::new(&pool, HERE), Charge::new(&pool, HERE));
    assert!(first.try_take(50) && second.try_take(50));
    assert!(first.wait(Some(25)).is_none() && first.is_overdrawn());
    let mut wait_second = second.wait(Some(25)).unwrap();
    assert_eq!(wait_second.poll(&mut cx()), Poll::Pending);
    drop(first);
    assert_eq!(wait_second.poll(&mut cx()), Poll::Ready(Grant::Bytes(25)));
    second.receive(Grant::Bytes(25));
    drop(second);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn what_the_overdraft_brought_in_is_paid_back_before_the_next() {
    let pool = Pool::new(100, 100);
    let mut whole = Charge::new(&pool, HERE);
    assert!(whole.wait(None).is_none() && whole.is_overdrawn());
    whole.settle(150, false);
    assert_eq!(pool.in_use(), 150);
    let mut next = Charge::new(&pool, THERE).wait(None).unwrap();
    assert_eq!(next.poll(&mut cx()), Poll::Pending);
    drop(whole);
    assert_eq!(next.poll(&mut cx()), Poll::Ready(Grant::Overdraft));
    drop(next);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn an_address_has_its_share_and_holds_up_no_other() {
    let pool = Pool::new(100, 50);
    let (mut mine, mut more, mut yours) = (
        Charge::new(&pool, HERE),
        Charge::new(&pool, HERE),
        Charge::new(&pool, THERE),
    );
    assert!(mine.try_take(40) && !more.try_take(20));
    let mut wait_more = more.wait(Some(20)).unwrap();
    assert!(yours.wait(Some(50)).is_none() && yours.bytes() == 50);
    assert_eq!(wait_more.poll(&mut cx()), Poll::Pending);
    drop(yours);
    // In the broker's hands it is no longer the client's.
    mine.settle(40, false);
    assert_eq!(wait_more.poll(&mut cx()), Poll::Ready(Grant::Bytes(20)));
    more.receive(Grant::Bytes(20));
    drop((mine, more));
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn addresses_take_turns() {
    let pool = Pool::new(100, 90);
    let mut charges: Vec<_> = vec![Charge::new(&pool, HERE)];
    let mut yours = Charge::new(&pool, THERE);
    let mut holder = Charge::new(&pool, THERE);
    assert!(holder.try_take(60) && charges[0].try_take(40));
    // The first has the overdraft, which is a turn; then it is the other address's.
    assert!(charges[0].wait(Some(1)).is_none() && charges[0].is_overdrawn());
    let mut mine: Vec<_> = (0..3).map(|_| Charge::new(&pool, HERE).wait(None).unwrap()).collect();
    let mut your = yours.wait(None).unwrap();
    drop(charges);
    assert_eq!(mine[0].poll(&mut cx()), Poll::Pending);
    assert_eq!(your.poll(&mut cx()), Poll::Ready(Grant::Overdraft));
    yours.receive(Grant::Overdraft);
    drop(yours);
    assert_eq!(mine[0].poll(&mut cx()), Poll::Ready(Grant::Overdraft));
    assert_eq!(mine[1].poll(&mut cx()), Poll::Pending);
    drop((mine, holder));
    assert_eq!(pool.in_use(), 0);
    assert!(pool.state.lock().last_turn.is_empty());
}
