package network

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestACutIsSilent holds that a connection over the path works until it is cut, and that
// its ends are then told nothing.
func TestACutIsSilent(t *testing.T) {
	p, err := NewPath()
	if errors.Is(err, ErrNotAllowed) {
		t.Skip(err)
	}
	testkit.Must(t, err)
	defer p.Close()
	var l net.Listener
	if err := p.Far.Do(func() (err error) { l, err = net.Listen("tcp", Far+":1024"); return err }); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var near net.Conn
	if err := p.Near.Do(func() (err error) { near, err = net.Dial("tcp", Far+":1024"); return err }); err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := l.Accept()
	testkit.Must(t, err)
	defer far.Close()
	if host, _, _ := net.SplitHostPort(far.RemoteAddr().String()); host != Near {
		t.Errorf("the near end is %s, want %s", host, Near)
	}
	say := func(text string) (heard bool) {
		if _, err := near.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		_ = far.SetReadDeadline(time.Now().Add(time.Minute))
		if text == "cut" {
			_ = far.SetReadDeadline(time.Now().Add(time.Second))
		}
		n, err := far.Read(make([]byte, 8))
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the far end: %v", err)
		}
		return n > 0
	}
	if !say("whole") {
		t.Error("nothing comes through")
	}
	testkit.Must(t, p.Cut())
	if say("cut") {
		t.Error("bytes come through a cut")
	}
	_ = near.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the near end is told of the cut: %v", err)
	}
}
