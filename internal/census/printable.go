package census

// commands reports whether a line of JSON has a text with what commands a terminal: none
// of what is counted holds it, but a file or another edge may say anything, and reports
// are read on terminals.
func commands(line []byte) bool {
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == 0x7f, c == 0xc2 && i+1 < len(line) && line[i+1] >= 0x80 && line[i+1] < 0xa0:
			return true
		case c != '\\' || i+1 == len(line):
		case line[i+1] == 'u' && i+6 <= len(line):
			if control(line[i+2 : i+6]) {
				return true
			}
			i += 5
		default:
			i++
			switch line[i] {
			case 'b', 'f', 'n', 'r', 't':
				return true
			}
		}
	}
	return false
}

// control reports whether four hexadecimal digits are a control character.
func control(digits []byte) bool {
	n := 0
	for _, d := range digits {
		n <<= 4
		switch {
		case d >= '0' && d <= '9':
			n += int(d - '0')
		case d|0x20 >= 'a' && d|0x20 <= 'f':
			n += int(d|0x20-'a') + 10
		}
	}
	return n < 0x20 || n >= 0x7f && n < 0xa0
}
