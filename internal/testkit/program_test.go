//go:build unix

package testkit

import (
	"os/exec"
	"strings"
	"testing"
)

// TestAProgramIsHeardToItsEnd holds that what it says last is there when it has gone, and
// that who waits for something else is told of that.
func TestAProgramIsHeardToItsEnd(t *testing.T) {
	p := Run(t, exec.Command("sh", "-c", "echo begun; read line; echo last >&2; exit 3"))
	err := p.Await(func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || p.Said() != "begun\nlast\n" || p.Wait() == nil {
		t.Errorf("%v; it said %q", err, p.Said())
	}
}

// TestAProgramAnswers holds that it may be told things, and ends with the test.
func TestAProgramAnswers(t *testing.T) {
	in, out := Talk(t, exec.Command("sh", "-c", `while read line; do echo "you say $line"; done`))
	for _, word := range []string{"one", "two"} {
		if _, err := in.Write([]byte(word + "\n")); err != nil {
			t.Fatal(err)
		}
		if line, err := out.ReadString('\n'); line != "you say "+word+"\n" || err != nil {
			t.Errorf("%q, %v", line, err)
		}
	}
}

// TestAnAddressIsKept holds that nobody listens at an address until whoever asked for it does,
// and that it is not given twice.
func TestAnAddressIsKept(t *testing.T) {
	one, other := Unused(t), Unused(t)
	if one == other || listens(one) {
		t.Errorf("%s and %s; somebody listens at the first: %v", one, other, listens(one))
	}
}
