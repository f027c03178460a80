//go:build linux && !portable

package wire

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
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
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()    //nolint:errcheck // it has said what was wrong
	defer stdin.Close() //nolint:errcheck // this is what ends it
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	busy, other := dial(t, address[:len(address)-1]), dial(t, address[:len(address)-1])
	for range 5 {
		<-time.After(50 * time.Millisecond) // both are parked, and Go's monitor sleeps
		for range 3 * fewTimes {
			exchange(t, busy)
		}
		exchange(t, other)
	}
}

// echo has two loops send back what comes, until standard input ends.
func echo(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stdout.WriteString(server.Addr().String() + "\n"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		near, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		s := adopt(t, startFrozenLoop(t), near.(*net.TCPConn), nil, 0)
		s.whenWoken(func(c *Conn) {
			if b, err := c.Read(nil); err == nil {
				_, _ = c.Send(b)
			}
		})
	}
	_ = server.Close()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
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
