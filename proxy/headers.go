package proxy

import "time"

// checkHeaders refuses a request without the fields that the route asks for. It stands
// behind the check of addresses: what a stranger shows is not compared.
func (x *Exchange) checkHeaders() error {
	for _, h := range x.route.Headers {
		value, lines := x.req.Named(h.Name)
		v := h.Check(lines, value, time.Now())
		if x.client.store.explains != nil {
			v = h.Explain(lines, value, time.Now())
		}
		if err := x.heed(v); err != nil {
			return err
		}
	}
	return nil
}
