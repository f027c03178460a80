package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/client"
	"github.com/apim-edge/apim-edge/bench/internal/proc"
)

var bulkFigures = []Figure{
	{Key: "cpu_ms_gib", Title: "CPU ms/GiB"},
	{Key: "gib_s", Title: "GiB/s", Decimals: 2},
}

func bulkDown() Workload {
	return Workload{
		Name: "down-1gib", Unit: "GiB", Figures: bulkFigures,
		About: "a response body of 1 GiB, fixed length",
		Run: func(ctx context.Context, c *Cell) (*Sample, error) {
			request := c.Target.Request(client.Small, fmt.Sprintf("bytes:%d", c.Size.Bulk))
			return c.transfer(ctx, func(conn *client.Conn) error {
				length, err := conn.Exchange(request)
				if err == nil && length != c.Size.Bulk {
					err = fmt.Errorf("%d of %d bytes came", length, c.Size.Bulk)
				}
				return err
			})
		},
	}
}

func bulkUp() Workload {
	return Workload{
		Name: "up-1gib", Unit: "GiB", Figures: bulkFigures,
		About: "a request body of 1 GiB, fixed length",
		Run: func(ctx context.Context, c *Cell) (*Sample, error) {
			return c.transfer(ctx, func(conn *client.Conn) error { return c.upload(conn) })
		},
	}
}

const bulkBuffer = 256 << 10

func (c *Cell) upload(conn *client.Conn) error {
	if _, err := conn.Write(c.Target.Upload(c.Size.Bulk)); err != nil {
		return err
	}
	block := make([]byte, bulkBuffer)
	for left := c.Size.Bulk - client.UploadStart; left > 0; {
		n, err := conn.Write(block[:min(left, int64(len(block)))])
		if err != nil {
			return err
		}
		left -= int64(n)
	}
	_, err := conn.Finish()
	return err
}

// bulkLimit bounds one transfer.
const bulkLimit = 60 * time.Second

func (c *Cell) transfer(ctx context.Context, move func(*client.Conn) error) (*Sample, error) {
	conn, err := c.Target.Dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(bulkLimit))
	conn.Grow(bulkBuffer)
	// A first exchange, so that dialling and handshakes are not in the figure.
	if _, err := conn.Exchange(c.Target.Request(client.Small, answerMarker)); err != nil {
		return nil, err
	}
	var before proc.CPU
	if c.Process != nil {
		before = c.Process.CPU()
	}
	began := time.Now()
	if err := move(conn); err != nil {
		return nil, err
	}
	took := time.Since(began)
	gib := float64(c.Size.Bulk) / (1 << 30)
	s := &Sample{Figures: map[string]float64{"gib_s": gib / took.Seconds()}}
	if c.Process != nil {
		s.Figures["cpu_ms_gib"] = c.Process.CPU().Since(before).Seconds() * 1e3 / gib
	}
	return s, nil
}
