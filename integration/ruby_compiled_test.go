package integration

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// extension asks in each way in which a precompiled header, or options that are not there, could change an answer.
var extension = map[string]string{
	"extconf.rb": `require "mkmf"
have_func("rb_rational_num", "ruby.h")
have_func("rb_no_such_function", "ruby.h")
have_func("rb_enc_get", ["ruby.h", "ruby/encoding.h"])
have_func("isfinite", "math.h")
have_header("ruby/st.h")
have_header("no/such.h")
have_macro("RUBY_API_VERSION_MAJOR", "ruby/version.h")
have_type("st_index_t", "ruby/st.h")
have_struct_member("struct RString", "len", "ruby.h")
puts check_sizeof("VALUE", "ruby.h"), convertible_int("pid_t", "sys/types.h"), try_compile("#include <ruby.h>\nint x = RSTRING_LEN;") ? "broken" : "strict"
$CFLAGS << " -std=gnu99 -O2"
have_func("rb_str_new", "ruby.h")
have_const("GANTRY", "ruby.h", "-DGANTRY=1")
create_header
create_makefile("probe")
`,
	"probe.c":  "#include \"ruby.h\"\n#include \"other.h\"\nvoid Init_probe(void) { rb_define_global_const(\"PROBE\", rb_str_new_cstr(other())); }\n",
	"other.h":  "const char *other(void);\n",
	"other.c":  "#define _GNU_SOURCE 1\n#include \"other.h\"\n#include <ruby.h>\n#ifdef HAVE_RB_ENC_GET\n#include <ruby/encoding.h>\n#endif\nconst char *other(void) { return \"compiled with \" STRINGIZE(HAVE_RB_ENC_GET); }\n",
	"third.cc": "#include <string>\n#include \"ruby.h\"\nextern \"C\" size_t third(void) { return std::string(\"third\").size() + sizeof(VALUE); }\n",
}

// What gems' extconf.rb find out, and what is compiled, is the same with Gantry's mkmf.rb as without it.
func TestCompiledGems(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	r := rubyMirror(t)
	for _, version := range []string{"3.3.8", "3.4.5"} {
		ruby := t.TempDir()
		out, err := exec.Command("tar", "-xzf", filepath.Join(r.dir, "ruby-"+version+"-linux-amd64.tar.gz"), "-C", ruby).CombinedOutput()
		g.Expect(err).NotTo(HaveOccurred(), string(out))
		text, err := os.ReadFile("../internal/plan/ruby/mkmf.rb")
		g.Expect(err).NotTo(HaveOccurred())
		hook := filepath.Join(t.TempDir(), "a folder")
		g.Expect(os.Mkdir(hook, 0o755)).To(Succeed())
		g.Expect(os.WriteFile(filepath.Join(hook, "mkmf.rb"), text, 0o644)).To(Succeed())
		compile := func(env ...string) (answers, makefile, printed string) {
			dir := t.TempDir()
			for name, text := range extension {
				g.Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)).To(Succeed())
			}
			in := func(name string, args ...string) string {
				c := exec.Command(name, args...)
				c.Dir, c.Env = dir, append(append(os.Environ(), "PATH="+ruby+"/bin:"+os.Getenv("PATH")), env...)
				out, err := c.CombinedOutput()
				g.Expect(err).NotTo(HaveOccurred(), string(out))
				return string(out)
			}
			program := filepath.Join(ruby, "bin/ruby")
			answers = in(program, "extconf.rb")
			header, err := os.ReadFile(filepath.Join(dir, "extconf.h"))
			g.Expect(err).NotTo(HaveOccurred())
			content, err := os.ReadFile(filepath.Join(dir, "Makefile"))
			g.Expect(err).NotTo(HaveOccurred())
			in("make", "-j4")
			return answers + string(header), string(content), dir + "\n" + in(program, "-r./probe", "-e", "print PROBE")
		}
		plain, _, said := compile()
		ours, makefile, saidToo := compile("RUBYLIB=" + hook)
		g.Expect(ours).To(Equal(plain), version)
		g.Expect(plain).To(ContainSubstring("checking for rb_rational_num() in ruby.h... yes"))
		g.Expect(makefile).To(MatchRegexp(`(?m)^debugflags = *$`))
		plainDir, text1, _ := strings.Cut(said, "\n")
		oursDir, text2, _ := strings.Cut(saidToo, "\n")
		g.Expect(text2).To(Equal(text1))
		g.Expect(section(g, filepath.Join(plainDir, "probe.so"), ".debug_info")).To(BeTrue(), "this Ruby has compilers write for debuggers")
		g.Expect(section(g, filepath.Join(oursDir, "probe.so"), ".debug_info")).To(BeFalse())
		g.Expect(code(g, filepath.Join(oursDir, "probe.so"))).To(Equal(code(g, filepath.Join(plainDir, "probe.so"))))
		g.Expect(filepath.Join(hook, "headers", "ruby.h.gch")).To(BeARegularFile(), "the compiler read what it had written")
	}
}

func section(g *WithT, file, name string) bool {
	f, err := elf.Open(file)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = f.Close() }()
	return f.Section(name) != nil
}

// code is what a program does.
func code(g *WithT, file string) []byte {
	f, err := elf.Open(file)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = f.Close() }()
	content, err := f.Section(".text").Data()
	g.Expect(err).NotTo(HaveOccurred())
	return content
}
