package testkit

import "testing"

// Must ends the test at the first of these errors: what it is about cannot be seen then.
func Must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
