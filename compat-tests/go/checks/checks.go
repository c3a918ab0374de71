// Package checks runs checks and reports each in one line that the runner reads: first "PLAN name" for all of them,
// so that one that never answers is missed, then "CHECK name ok|fail ms detail".
package checks

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Body says in a few words what was compared; it fails by the functions of this package.
type Body func() string

// Checks are the checks of one client, in the order in which they start.
type Checks struct {
	out    io.Writer
	output sync.Mutex
	names  []string
	bodies map[string]Body
}

// New makes an empty list that reports to out.
func New(out io.Writer) *Checks {
	return &Checks{out: out, bodies: map[string]Body{}}
}

// Add adds a check.
func (c *Checks) Add(name string, body Body) {
	c.names = append(c.names, name)
	c.bodies[name] = body
}

// Run runs those whose name contains one of the filters, all without a filter, so many at once.
func (c *Checks) Run(parallel int, filters []string) {
	var chosen []string
	for _, name := range c.names {
		if len(filters) == 0 || containsOne(name, filters) {
			chosen = append(chosen, name)
			c.line("PLAN", name)
		}
	}
	queue := make(chan string)
	var workers sync.WaitGroup
	for range parallel {
		workers.Go(func() {
			for name := range queue {
				c.runOne(name)
			}
		})
	}
	for _, name := range chosen {
		queue <- name
	}
	close(queue)
	workers.Wait()
}

func containsOne(name string, texts []string) bool {
	for _, text := range texts {
		if strings.Contains(name, text) {
			return true
		}
	}
	return false
}

func (c *Checks) runOne(name string) {
	start := time.Now()
	verdict, detail := "ok", ""
	func() {
		defer func() {
			if problem := recover(); problem != nil {
				verdict, detail = "fail", describe(problem)
			}
		}()
		detail = c.bodies[name]()
	}()
	c.line("CHECK", name, verdict, fmt.Sprint(time.Since(start).Milliseconds()), detail)
}

func (c *Checks) line(fields ...string) {
	for index, field := range fields {
		fields[index] = strings.NewReplacer("\t", " ", "\n", " ").Replace(field)
	}
	c.output.Lock()
	defer c.output.Unlock()
	_, _ = fmt.Fprintln(c.out, strings.Join(fields, "\t"))
}

// describe adds the places in the checks that led to a failure; called while the panic unwinds.
func describe(problem any) string {
	text := fmt.Sprint(problem)
	callers := make([]uintptr, 50)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	shown := 0
	for {
		frame, more := frames.Next()
		own := strings.Contains(frame.Function, "weir/compat/") && !strings.Contains(frame.Function, "weir/compat/checks")
		if own && shown < 3 {
			text += fmt.Sprintf(" at %s:%d", frame.File[strings.LastIndexByte(frame.File, '/')+1:], frame.Line)
			shown++
		}
		if !more {
			return text
		}
	}
}
