package health

import (
	"strings"
	"testing"
)

func TestReadyIsThatNoCauseHolds(t *testing.T) {
	var s Set
	draining, keys := s.Register("draining"), s.Register("keys of the issuer")
	for _, step := range []struct {
		name string
		do   func()
		want string // empty: ready
	}{
		{"nothing has happened", func() {}, ""},
		{"one cause holds", func() { draining.Raise("") }, "draining"},
		{"a second one says more", func() { keys.Raise("no answer yet") }, "draining\nkeys of the issuer: no answer yet"},
		{"raised again, it has the last word", func() { keys.Raise("refused") }, "draining\nkeys of the issuer: refused"},
		{"one holds no longer", func() { draining.Clear() }, "keys of the issuer: refused"},
		{"none does", func() { keys.Clear() }, ""},
	} {
		step.do()
		got := ""
		if err := s.Ready(); err != nil {
			got = err.Error()
		}
		if got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
}

func TestANoteIsToldAndLeavesTheInstanceReady(t *testing.T) {
	var s Set
	vault := s.Register("vault")
	for _, step := range []struct {
		do           func()
		ready, notes string
	}{
		{func() { vault.Note("out of reach") }, "", "vault: out of reach"},
		{func() { vault.Raise("nothing yet") }, "vault: nothing yet", ""},
		{func() { vault.Note("again") }, "", "vault: again"},
		{func() { vault.Clear() }, "", ""},
	} {
		step.do()
		ready := ""
		if err := s.Ready(); err != nil {
			ready = err.Error()
		}
		if notes := strings.Join(s.Notes(), "\n"); ready != step.ready || notes != step.notes {
			t.Errorf("unready by %q with notes %q, want %q and %q", ready, notes, step.ready, step.notes)
		}
	}
}

func TestACauseHasOneOwner(t *testing.T) {
	var s Set
	s.Register("draining")
	defer func() {
		if recover() == nil {
			t.Error("the same cause was registered twice without a word")
		}
	}()
	s.Register("draining")
}
