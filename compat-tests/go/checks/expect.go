package checks

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"time"
)

// Patience is how long a check waits for something that must come; generous, as other work shares the machine.
var Patience = patience()

// ControlAddress is where a program asks for restarts of the broker; empty if it is not to.
var ControlAddress = os.Getenv("WEIR_COMPAT_CONTROL")

func patience() time.Duration {
	if seconds, err := strconv.Atoi(os.Getenv("WEIR_COMPAT_PATIENCE")); err == nil {
		return time.Duration(seconds) * time.Second
	}
	return 120 * time.Second
}

// Failure ends a check. It is thrown as a panic, on the goroutine of the check only.
type Failure string

// Fail ends the check.
func Fail(format string, values ...any) {
	panic(Failure(fmt.Sprintf(format, values...)))
}

// True fails unless it holds.
func True(holds bool, format string, values ...any) {
	if !holds {
		Fail(format, values...)
	}
}

// Equal fails with both values when they differ.
func Equal[T any](expected, found T, what string) {
	if !reflect.DeepEqual(expected, found) {
		Fail("%s: expected %v, found %v", what, expected, found)
	}
}

// OK fails on an error.
func OK(err error, what string) {
	if err != nil {
		Fail("%s: %v", what, err)
	}
}

// Must gives the value, or fails on the error.
func Must[T any](value T, err error) T {
	if err != nil {
		Fail("%v", err)
	}
	return value
}

// Eventually waits until the condition holds.
func Eventually(what string, condition func() bool) {
	end := time.Now().Add(Patience)
	for !condition() {
		True(time.Now().Before(end), "not within %v: %s", Patience, what)
		time.Sleep(50 * time.Millisecond)
	}
}
