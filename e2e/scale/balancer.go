package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// site is what differs between two places where the same balancer stands.
type site struct {
	Mode    string // tcp or http
	Bind    string
	Inter   string // from one health check to the next
	Servers []server
}

// server is one replica, as the balancer knows it.
type server struct{ Name, Address, AdminPort string }

// balancing is the configuration that docs/scaling.md shows.
var balancing = template.Must(template.New("").Parse(`defaults
    mode {{.Mode}}
    timeout connect 2s
    # Longer than timeouts.stream_idle: the edge is the one to end what is silent.
    timeout client 1h
    timeout server 1h
    # A replica that has just gone refuses connections: ask another one at once.
    retries 3
    option redispatch 1

frontend clients
    bind {{.Bind}}
    default_backend edges

backend edges
    balance leastconn
    option httpchk GET /readyz
    default-server check inter {{.Inter}} fall 2 rise 1
{{- range .Servers}}
    server {{.Name}} {{.Address}} port {{.AdminPort}}
{{- end}}
`))

// text returns the configuration of a site.
func (s site) text() string {
	var out bytes.Buffer
	if err := balancing.Execute(&out, s); err != nil {
		panic("BUG: " + err.Error())
	}
	return out.String()
}

// balancer is a running HAProxy.
type balancer struct {
	*testkit.Program
	socket string // answers questions
}

// startBalancer runs HAProxy at a site until its End.
func startBalancer(dir string, s site) (*balancer, error) {
	path, err := edge.Program("haproxy")
	if err != nil {
		return nil, err
	}
	b := &balancer{socket: filepath.Join(dir, "haproxy.sock")}
	file := filepath.Join(dir, "haproxy.cfg")
	own := fmt.Sprintf("global\n    stats socket %s\n\n", b.socket)
	if err := os.WriteFile(file, []byte(own+s.text()), 0o600); err != nil {
		return nil, err
	}
	if b.Program, err = testkit.Start(exec.Command(path, "-db", "-f", file)); err != nil {
		return nil, err
	}
	if err := b.Program.Await(func() bool { _, err := b.states(); return err == nil }); err != nil {
		b.End()
		return nil, err
	}
	return b, nil
}

// states returns what the balancer thinks of each server: UP, DOWN or between.
func (b *balancer) states() (map[string]string, error) {
	conn, err := net.Dial("unix", b.socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
	if _, err := io.WriteString(conn, "show stat\n"); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(conn)
	if err != nil {
		return nil, err
	}
	rows := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(text), "# ")))
	rows.FieldsPerRecord = -1
	all, err := rows.ReadAll()
	if err != nil || len(all) == 0 {
		return nil, fmt.Errorf("HAProxy says %q: %w", text, err)
	}
	at := map[string]int{}
	for i, name := range all[0] {
		at[name] = i
	}
	states := map[string]string{}
	for _, row := range all[1:] {
		if len(row) > at["status"] && row[at["pxname"]] == "edges" {
			states[row[at["svname"]]] = row[at["status"]]
		}
	}
	return states, nil
}

// await waits until the balancer thinks so of a server.
func (b *balancer) await(name, state string) error {
	var states map[string]string
	var err error
	if !testkit.Eventually(testkit.Patience, func() bool {
		states, err = b.states()
		return err == nil && strings.HasPrefix(states[name], state)
	}) {
		return fmt.Errorf("HAProxy does not find %s to be %s: %v, %w", name, state, states, err)
	}
	return nil
}
