package demo

import (
	"context"
	"fmt"
	"reflect"
	"testing"
)

func TestLinesOfTheLogAreWhole(t *testing.T) {
	l := newEdgeLog()
	var announced []string
	for i, piece := range []string{"a", "b\nc\n\nd", "", "e\n", "f"} {
		if n, err := l.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Errorf("Write(%q) = %d, %v", piece, n, err)
		}
		if i == 0 {
			l.announce(func(line string) { announced = append(announced, line) })
		}
	}
	if want := []string{"ab", "c", "", "de"}; !reflect.DeepEqual(l.latest(9), want) || !reflect.DeepEqual(announced, want) || l.count() != 4 {
		t.Errorf("got %q and %d, announced %q, want %q", l.latest(9), l.count(), announced, want)
	}
	if got, want := l.latest(2), []string{"", "de"}; !reflect.DeepEqual(got, want) {
		t.Errorf("latest(2) = %q, want %q", got, want)
	}
}

func TestLinesOfTheLogLoseTheirColors(t *testing.T) {
	l := newEdgeLog()
	fmt.Fprint(l, "\x1b[90m12:00\x1b[0m \x1b[1;31m502\x1b[0m POST \x1b\n")
	if got, want := l.latest(1), []string{"12:00 502 POST \x1b"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheLogIsAwaited(t *testing.T) {
	for _, tc := range []struct {
		name         string
		before, skip int
		want         string
		found        bool
	}{
		{"a line that is there", 3, 1, "1 x", true},
		{"a line that comes", 3, 3, "3 x", true},
		{"none that is skipped", 3, 5, "", false},
		{"one that is not kept any more", keptLines + 3, 1, "3 x", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newEdgeLog()
			for i := range tc.before {
				fmt.Fprintf(l, "%d x\n", i)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			late := make(chan struct{})
			go func() {
				defer close(late)
				if tc.before > tc.skip { // it is there, and would be one that is kept no more
					return
				}
				fmt.Fprintf(l, "no such thing\n%d x\n", tc.before)
				if !tc.found {
					cancel()
				}
			}()
			line, found := l.await(ctx, tc.skip, "x")
			<-late
			if line != tc.want || found != tc.found {
				t.Errorf("got %q %v, want %q %v", line, found, tc.want, tc.found)
			}
		})
	}
}
