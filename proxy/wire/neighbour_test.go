//go:build linux && !portable

package wire

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// otherProcess is set in the process that TestABusyLoopLeavesNobodyDeaf starts.
const otherProcess = "APIM_EDGE_TEST_ECHO"

// TestABusyLoopLeavesNobodyDeaf holds that a loop that keeps its processor, in a
// program that has been idle, leaves somebody to wait in Go's poller: another loop
// hears at once, and not when the next timer has come. The loops are in a process
// of their own, because any goroutine of the test would wait there for them.
func TestABusyLoopLeavesNobodyDeaf(t *testing.T) {
	if os.Getenv(otherProcess) != "" {
		echo(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), otherProcess+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	testkit.Must(t, cmd.Start())
	defer cmd.Wait()    //nolint:errcheck // it has said what was wrong
	defer stdin.Close() //nolint:errcheck // this is what ends it
	lines := bufio.NewScanner(stdout)
	said := func() string {
		if !lines.Scan() {
			t.Fatal("the other process has ended: ", lines.Err())
		}
		return lines.Text()
	}
	connect := func() net.Conn {
		c := testkit.Dial(t, said())
		if got := said(); got != "ready" {
			t.Fatalf("the other process says %q", got)
		}
		return c
	}
	busy, other := connect(), connect()
	for range 5 {
		<-time.After(50 * time.Millisecond) // both are parked, and Go's monitor sleeps
		for range 3 * fewTimes {
			exchange(t, busy)
		}
		exchange(t, other)
	}
}

// echo has two loops send back what comes, until standard input ends. Of each it
// says where to connect, and when bytes may come.
func echo(t *testing.T) {
	for range 2 {
		address, own, sides := listen(t, startFrozenLoop(t))
		fmt.Println(address)
		s := <-sides
		own.Close()
		s.whenWoken(func(c *Conn) {
			if b, err := c.Read(nil); err == nil {
				_, _ = c.Send(b)
			}
		})
		fmt.Println("ready")
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// exchange sends a byte and waits for it to come back.
func exchange(t *testing.T, c net.Conn) {
	t.Helper()
	b := []byte("x")
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
}
