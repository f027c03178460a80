package rewrite

// AppendFields appends to dst what the decision sends upstream, as complete
// field lines. The caller drops every governed line of fields (Takes) and
// calls this once: lines that stay as they are come out here, too. A decision
// that refuses the request sends nothing.
func (p *Policy) AppendFields(dst []byte, d *Decision, fields []Field) []byte {
	if d.KeepAuthorization {
		dst = p.appendKept(dst, authorizationPlace, fields)
	}
	if d.Token != nil {
		dst = append(dst, "Authorization: Bearer "...)
		dst = append(dst, d.Token...)
		dst = append(dst, '\r', '\n')
	}
	if d.Key != nil {
		dst = append(dst, p.names[p.target].name...)
		dst = append(dst, ':', ' ')
		dst = append(dst, p.prefix...)
		dst = append(dst, d.Key...)
		dst = append(dst, p.suffix...)
		dst = append(dst, '\r', '\n')
	}
	if d.KeepSlot {
		dst = p.appendKept(dst, int(d.slot), fields)
	}
	if d.Notes.Has(SubprotocolKey) && !d.Rejected() {
		dst = p.appendSubprotocols(dst, fields)
	}
	return dst
}

// appendKept appends the line of one place as the client sent it. Decide has
// made sure that there is only one.
func (p *Policy) appendKept(dst []byte, at int, fields []Field) []byte {
	for i := range fields {
		if p.find(fields[i].Name) == at {
			dst = append(dst, fields[i].Name...)
			dst = append(dst, ':', ' ')
			dst = append(dst, fields[i].Value...)
			return append(dst, '\r', '\n')
		}
	}
	return dst
}
