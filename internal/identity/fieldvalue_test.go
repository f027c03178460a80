package identity

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apim-edge/apim-edge/internal/secret"
)

// rotating is a source that a test changes.
type rotating struct {
	mu    sync.Mutex
	value string
	err   error
	asked int
}

func (r *rotating) String() string { return "env:ROTATING" }

func (r *rotating) Current() (secret.Value, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return secret.New(r.value), r.err
}

func (r *rotating) set(value string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.value, r.err = value, err
}

func TestARotatedFieldValueIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &rotating{value: "first"}
		k, err := NewFieldValue(source)
		if err != nil {
			t.Fatal(err)
		}
		use := func() string {
			got := string(k.Current(time.Now()))
			synctest.Wait()
			return got
		}
		source.set("second", nil)
		for range 100 {
			if got := use(); got != "first" || source.asked != 1 {
				t.Fatalf("%q, asked %d times", got, source.asked)
			}
		}
		time.Sleep(rereadEvery + 1)
		use() // has it read again, and does not wait for that
		if got := use(); got != "second" || source.asked != 2 {
			t.Errorf("%q, asked %d times", got, source.asked)
		}
		for _, tc := range []struct {
			what  string
			value string
			err   error
			want  string
		}{
			{"an outage, in which sources have the last good one", "second", errors.New("the vault is away"), "second"},
			{"a value that is no field's", "third\r\nX-Caller: admin", nil, "second"},
			{"an edge that ends, and asks no vault any more", "", secret.ErrNotAsked, "second"},
			{"a key that was withdrawn", "", errors.New("the secret is disabled"), ""},
			{"another one, with a line end behind it", "fourth\n", nil, "fourth"},
		} {
			source.set(tc.value, tc.err)
			time.Sleep(rereadEvery + 1)
			use()
			if got := use(); got != tc.want {
				t.Errorf("%s: the upstream is sent %q, want %q", tc.what, got, tc.want)
			}
		}
	})
}

// TestAClockThatIsSetBackHidesNoRotation: a moment that has not come yet is not waited for.
func TestAClockThatIsSetBackHidesNoRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &rotating{value: "first"}
		k, err := NewFieldValue(source)
		if err != nil {
			t.Fatal(err)
		}
		source.set("second", nil)
		past := time.Now().AddDate(-1, 0, 0)
		k.Current(past)
		synctest.Wait()
		if got := string(k.Current(past)); got != "second" || source.asked != 2 {
			t.Errorf("%q, asked %d times", got, source.asked)
		}
	})
}

func TestAFieldValueThatIsNotThere(t *testing.T) {
	if _, err := NewFieldValue(&rotating{err: errors.New("the file is not there")}); err == nil {
		t.Error("a key that cannot be read is no fault")
	}
	if _, err := NewFieldValue(&rotating{value: "key\r\nX-Caller: admin"}); err == nil || strings.Contains(err.Error(), "admin") {
		t.Errorf("a key with a line break inside: %v", err)
	}
	k, err := NewFieldValue(&rotating{err: secret.ErrNotAsked})
	if err != nil || string(k.Current(time.Now())) != "***" {
		t.Errorf("where vaults are not asked: %v", err)
	}
}

func TestUsingAFieldValueAllocatesNothing(t *testing.T) {
	k, err := NewFieldValue(&rotating{value: "key"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if n := testing.AllocsPerRun(1000, func() { k.Current(now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
