use std::task::{Context, Poll, Waker};

use super::{Account, Budget, Grant};

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

#[test]
fn waiters_are_served_in_order() {
    let budget = Budget::new(100);
    let mut first = Account::new(budget.clone());
    let second = Account::new(budget.clone());
    let mut third = Account::new(budget.clone());
    assert!(first.try_take(90));
    let mut large = second.wait(50, false);
    assert!(!third.try_take(5), "barged past a waiter");
    let mut small = third.wait(5, false);
    assert_eq!(large.poll(&mut cx()), Poll::Pending);
    assert_eq!(small.poll(&mut cx()), Poll::Pending);
    first.give(30);
    assert_eq!(small.poll(&mut cx()), Poll::Pending);
    first.give(20);
    assert_eq!(large.poll(&mut cx()), Poll::Ready(Grant::Bytes));
    assert_eq!(small.poll(&mut cx()), Poll::Ready(Grant::Bytes));
    assert_eq!(budget.in_use(), 95);
}

#[test]
fn whoever_gives_up_blocks_nobody() {
    let budget = Budget::new(100);
    let mut holder = Account::new(budget.clone());
    assert!(holder.try_take(60));
    let waiting = Account::new(budget.clone());
    let large = waiting.wait(100, false);
    let mut small = waiting.wait(40, false);
    assert_eq!(small.poll(&mut cx()), Poll::Pending);
    drop(large);
    assert_eq!(small.poll(&mut cx()), Poll::Ready(Grant::Bytes));
    // Granted, not taken, given up: the bytes come back.
    let granted = waiting.wait(1, false);
    drop(holder);
    drop(granted);
    assert_eq!(budget.in_use(), 40);
}

#[test]
fn frames_that_hold_bytes_complete_one_at_a_time() {
    let budget = Budget::new(100);
    let mut first = Account::new(budget.clone());
    let mut second = Account::new(budget.clone());
    assert!(first.try_take(50) && second.try_take(50));
    let mut wait_first = first.wait(25, true);
    let mut wait_second = second.wait(25, true);
    assert_eq!(wait_first.poll(&mut cx()), Poll::Ready(Grant::Overdraft));
    assert_eq!(wait_second.poll(&mut cx()), Poll::Pending);
    first.receive(Grant::Overdraft, 25);
    drop(first);
    assert_eq!(wait_second.poll(&mut cx()), Poll::Ready(Grant::Bytes));
    second.receive(Grant::Bytes, 25);
    drop(second);
    assert_eq!(budget.in_use(), 0);
}
