// Reports its arguments, its environment and stdin as one JSON object; ../../README.md has the form.
// The arguments exit, stderr, large and non-ascii are switches; ../README.md says what they do.
package main

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"os"
	"slices"
	"strings"
)

func quoted(bytes string) string {
	var json strings.Builder
	json.WriteByte('"')
	for i := range len(bytes) {
		if b := bytes[i]; b < 0x20 || b > 0x7e || b == '"' || b == '\\' {
			fmt.Fprintf(&json, `\u%04x`, b)
		} else {
			json.WriteByte(b)
		}
	}
	json.WriteByte('"')
	return json.String()
}

func report(body []byte) string {
	var arguments, variables []string
	for _, argument := range os.Args {
		arguments = append(arguments, quoted(argument))
	}
	for _, variable := range os.Environ() {
		if name, value, found := strings.Cut(variable, "="); found {
			variables = append(variables, "["+quoted(name)+","+quoted(value)+"]")
		} else {
			variables = append(variables, "["+quoted(name)+"]")
		}
	}
	hash := fnv.New64a()
	hash.Write(body)
	return fmt.Sprintf(`{"args":[%s],"env":[%s],"stdin":{"length":%d,"text":%s,"fnv1a64":"%016x","eof":true}}`,
		strings.Join(arguments, ","), strings.Join(variables, ","),
		len(body), quoted(string(body[:min(len(body), 65536)])), hash.Sum64())
}

func main() {
	has := func(name string) bool { return len(os.Args) > 1 && slices.Contains(os.Args[1:], name) }

	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}

	if has("stderr") {
		fmt.Fprintln(os.Stderr, "stderr-marker")
	}
	out := bufio.NewWriter(os.Stdout)
	if has("large") {
		fmt.Fprint(out, "Content-Type: text/plain\n\n", strings.Repeat("0123456789abcdef", 1<<20/16))
	} else if has("non-ascii") {
		fmt.Fprint(out, "Content-Type: text/plain; charset=utf-8\n\ngrüße, мир, 世界\n")
	} else {
		fmt.Fprint(out, "Content-Type: application/json\n\n", report(body), "\n")
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
	if has("exit") {
		os.Exit(0)
	}
}
