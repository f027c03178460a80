package proxy

// answerHealth answers listen.health_path, whatever host and route it would be on:
// balancers probe the port that they send traffic to. It says whether the edge is
// ready and not why it is not, which is for the operator. Nothing is counted, and
// no line written: a probe is no exchange.
func (x *Exchange) answerHealth() error {
	path := x.edge.snapshot.Load().Config.Listen.HealthPath
	if path == "" || string(x.req.Path) != path || !x.traitsOfProbe() {
		return nil
	}
	status, text, body := uint16(200), "200 OK\r\nContent-Length: 6", "ready\n"
	if x.edge.draining.Load() || !x.edge.isReady() {
		status, text, body = 503, "503 Service Unavailable\r\nContent-Length: 10", "not ready\n"
	}
	out := x.client.Loop().GetBuf()
	x.status, x.answer = status, answerProbe
	return x.answerHere(out, append(out.Empty(), "HTTP/1.1 "+text+"\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n"...), body)
}

// traitsOfProbe reports whether the method is one that probes have, and notes what
// the answer depends on.
func (x *Exchange) traitsOfProbe() bool {
	r := x.req
	if method := string(r.Method); method != "GET" && method != "HEAD" {
		return false
	}
	x.traits = r.Traits
	if r.Close {
		x.closing(nextClose)
	}
	return true
}
