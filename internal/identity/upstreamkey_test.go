package identity

import (
	"errors"
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

func TestARotatedUpstreamKeyIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &rotating{value: "first"}
		k, err := NewUpstreamKey(source)
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
		source.set("", errors.New("the vault is away"))
		time.Sleep(rereadEvery + 1)
		use()
		if got := use(); got != "second" {
			t.Errorf("in an outage the key is %q", got)
		}
	})
}

func TestAnUpstreamKeyThatIsNotThere(t *testing.T) {
	if _, err := NewUpstreamKey(&rotating{err: errors.New("the file is not there")}); err == nil {
		t.Error("a key that cannot be read is no fault")
	}
	k, err := NewUpstreamKey(&rotating{err: secret.ErrNotAsked})
	if err != nil || string(k.Current(time.Now())) != "***" {
		t.Errorf("where vaults are not asked: %v", err)
	}
}

func TestUsingAnUpstreamKeyAllocatesNothing(t *testing.T) {
	k, err := NewUpstreamKey(&rotating{value: "key"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if n := testing.AllocsPerRun(1000, func() { k.Current(now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
