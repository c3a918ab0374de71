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
    let second = Charge::new(&pool, HERE);
    let mut third = Charge::new(&pool, HERE);
    assert!(first.try_take(60) && returned.try_take(30));
    let mut large = second.wait(Some(50));
    assert!(!third.try_take(5), "barged past a waiter");
    let mut small = third.wait(Some(5));
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
    let large = waiting.wait(Some(100));
    let mut small = waiting.wait(Some(40));
    assert_eq!(small.poll(&mut cx()), Poll::Pending);
    drop(large);
    let Poll::Ready(grant) = small.poll(&mut cx()) else {
        panic!("not granted")
    };
    waiting.receive(grant);
    // Granted, not taken, given up: the bytes come back.
    let granted = waiting.wait(Some(1));
    drop(holder);
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
    let mut wait_first = first.wait(Some(25));
    let mut wait_second = second.wait(Some(25));
    assert_eq!(wait_first.poll(&mut cx()), Poll::Ready(Grant::Overdraft));
    assert_eq!(wait_second.poll(&mut cx()), Poll::Pending);
    first.receive(Grant::Overdraft);
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
    let mut overdraft = whole.wait(None);
    assert_eq!(overdraft.poll(&mut cx()), Poll::Ready(Grant::Overdraft));
    whole.receive(Grant::Overdraft);
    whole.settle(150, false);
    assert_eq!(pool.in_use(), 150);
    let mut next = Charge::new(&pool, THERE).wait(None);
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
    let mut wait_more = more.wait(Some(20));
    let mut wait_yours = yours.wait(Some(50));
    assert_eq!(wait_more.poll(&mut cx()), Poll::Pending);
    assert_eq!(wait_yours.poll(&mut cx()), Poll::Ready(Grant::Bytes(50)));
    yours.receive(Grant::Bytes(50));
    drop(yours);
    // In the broker's hands it is no longer the client's.
    mine.settle(40, false);
    assert_eq!(wait_more.poll(&mut cx()), Poll::Ready(Grant::Bytes(20)));
    more.receive(Grant::Bytes(20));
    drop((mine, more));
    assert_eq!(pool.in_use(), 0);
}
