package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// distance is the way between clients and the balancer: what one side sends or does, the
// other one sees a while later. On loopback a request hardly ever crosses the end of its
// connection, which is the one thing that a restart can lose.
type distance struct {
	address string
	listens net.Listener
	to      string
	delay   time.Duration

	mu    sync.Mutex
	conns map[net.Conn]bool
	all   sync.WaitGroup
}

// newDistance puts a distance in front of an address.
func newDistance(to string, delay time.Duration) (*distance, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &distance{address: l.Addr().String(), listens: l, to: to, delay: delay, conns: map[net.Conn]bool{}}
	d.all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.all.Go(func() { d.join(conn.(*net.TCPConn)) })
		}
	})
	return d, nil
}

func (d *distance) join(client *net.TCPConn) {
	conn, err := net.Dial("tcp", d.to)
	if err != nil {
		_ = client.Close()
		return
	}
	server := conn.(*net.TCPConn)
	d.hold(client, server)
	defer d.letGo(client, server)
	var both sync.WaitGroup
	both.Go(func() { d.carry(server, client) })
	both.Go(func() { d.carry(client, server) })
	both.Wait()
}

// piece is what one side has sent, or how it has ended.
type piece struct {
	data []byte
	err  error
	due  time.Time
}

// mostUnderWay is how many pieces are on their way at a time: it ends with whoever does
// not read.
const mostUnderWay = 1000

// carry moves what comes from one side to the other, each piece after the delay.
func (d *distance) carry(to, from *net.TCPConn) {
	way := make(chan piece, mostUnderWay)
	go func() {
		for {
			buffer := make([]byte, 16<<10)
			n, err := from.Read(buffer)
			way <- piece{buffer[:n], err, time.Now().Add(d.delay)}
			if err != nil {
				close(way)
				return
			}
		}
	}()
	for p := range way {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			_ = from.SetLinger(0) // as a network would tell it
			_ = from.Close()
			continue // until the reader has seen that
		}
		switch {
		case p.err == nil:
		case errors.Is(p.err, io.EOF):
			_ = to.CloseWrite()
		case errors.Is(p.err, syscall.ECONNRESET):
			_ = to.SetLinger(0)
			_ = to.Close()
		}
	}
}

func (d *distance) hold(conns ...net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range conns {
		d.conns[c] = true
	}
}

func (d *distance) letGo(conns ...net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(d.conns, c)
	}
}

// end ends every connection, and waits.
func (d *distance) end() {
	_ = d.listens.Close()
	d.mu.Lock()
	for c := range d.conns {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.all.Wait()
}
