package upstream

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// showing is a credential with what was told of it.
type showing struct {
	*Credential
	mu   sync.Mutex
	told []string
}

func show(first, second string) *showing {
	s := &showing{}
	s.Credential = NewCredential("api-key", "test", false, func(e CredentialEvent) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.told = append(s.told, map[CredentialEvent]string{SecondInUse: "second", AllRefused: "all"}[e])
	})
	s.set(first, second)
	return s
}

func (s *showing) set(first, second string) {
	value := func(text string) []byte {
		if text == "" {
			return nil
		}
		return []byte(text)
	}
	s.Set(value(first), value(second))
}

// TestWhichKeyIsShown goes through stories: each word is something that happens, and
// what is shown behind it.
func TestWhichKeyIsShown(t *testing.T) {
	const refused, accepted = "401", "200"
	for _, tc := range []struct {
		name          string
		first, second string
		story         []string // an answer, or "first,second" for new values
		want          []string // the key shown behind each; with ! where it is worth while to ask again
		told          string
	}{
		{"one key", "a", "", []string{accepted, refused, refused}, []string{"a", "a", "a"}, "all"},
		{"one key that changes", "a", "", []string{refused, "b,", refused}, []string{"a", "b", "b"}, "all all"},
		{"none yet", "", "", []string{"a,"}, []string{"a"}, ""},
		{"none any more", "a", "", []string{",", "a,"}, []string{"", "a"}, ""},
		{"the second stays in use", "a", "b", []string{refused, accepted, accepted, refused}, []string{"b!", "b", "b", "b"}, "second all"},
		{"both are refused: it is not about them", "a", "b", []string{refused, refused, accepted, refused, refused}, []string{"b!", "a", "a", "b!", "a"}, "all"},
		{"a new first key has its chance", "a", "b", []string{refused, accepted, "c,b"}, []string{"b!", "b", "c"}, "second"},
		{"and may be refused again", "a", "b", []string{refused, accepted, "c,b", refused, accepted}, []string{"b!", "b", "c", "b!", "b"}, "second second"},
		{"a new second key", "a", "b", []string{refused, accepted, "a,c", accepted}, []string{"b!", "b", "c", "c"}, "second"},
		{"the first cannot be had", "", "b", []string{accepted, refused, "a,b"}, []string{"b", "b", "a"}, "all"},
		{"the second goes while it is in use", "a", "b", []string{refused, accepted, "a,"}, []string{"b!", "b", "a"}, "second"},
		{"nothing new", "a", "b", []string{refused, accepted, "a,b"}, []string{"b!", "b", "b"}, "second"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := show(tc.first, tc.second)
			var got []string
			for _, step := range tc.story {
				again := ""
				first, second, values := strings.Cut(step, ",")
				switch now := c.Shown(); {
				case values:
					c.set(first, second)
				case step == refused && c.Refused(now):
					again = "!"
				case step == accepted:
					c.Accepted(now)
				}
				key := strings.TrimSuffix(strings.TrimPrefix(string(c.Shown().Line), "api-key: "), "\r\n")
				got = append(got, key+again)
			}
			if !slices.Equal(got, tc.want) || strings.Join(c.told, " ") != tc.told {
				t.Errorf("shown %q and told %q, want %q and %q", got, c.told, tc.want, tc.told)
			}
		})
	}
}

// TestOneRefusalOfManyChangesTheKey holds that all who were refused the first key are
// told to ask again, and that people hear of it once.
func TestOneRefusalOfManyChangesTheKey(t *testing.T) {
	c := show("a", "b")
	was := c.Shown()
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if !c.Refused(was) {
				t.Error("not asked again")
			}
			now := c.Shown()
			if !now.Second() {
				t.Errorf("%q is shown", now.Line)
			}
			c.Accepted(now)
		})
	}
	all.Wait()
	if first, second := c.Refusals(); fmt.Sprint(c.told) != "[second]" || first != 100 || second != 0 {
		t.Errorf("told %q, refused %d and %d times", c.told, first, second)
	}
}

// TestAnOldAnswerSaysNothingOfANewKey holds that what comes late does not count against
// what is shown by now.
func TestAnOldAnswerSaysNothingOfANewKey(t *testing.T) {
	c := show("a", "b")
	was := c.Shown()
	c.set("c", "b")
	if !c.Refused(was) || string(c.Shown().Line) != "api-key: c\r\n" {
		t.Errorf("%q is shown", c.Shown().Line)
	}
	c.Accepted(was)
	c.set("", "")
	if c.Refused(was) {
		t.Error("asked again with nothing to show")
	}
}

func TestWhatIsShownCostsNothing(t *testing.T) {
	c := show("a", "b")
	var line []byte
	if n := testing.AllocsPerRun(100, func() {
		s := c.Shown()
		line = s.Line
		c.Accepted(s)
	}); n > 0 || len(line) == 0 {
		t.Errorf("it allocates %v times", n)
	}
}

func BenchmarkShown(b *testing.B) {
	c := show("a", "b")
	for b.Loop() {
		c.Accepted(c.Shown())
	}
}
