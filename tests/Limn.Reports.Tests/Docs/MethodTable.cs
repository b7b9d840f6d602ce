using System.Globalization;
using System.Text;
using Limn.Data;

namespace Limn.Reports.Tests.Docs;

/// <summary>docs/methods.md and its pictures, generated from the registry. To renew them after a change: LIMN_UPDATE_DOCS=1 dotnet test tests/Limn.Reports.Tests --filter Docs</summary>
public sealed class MethodTable
{
    private static readonly string Page = Path.Combine(SharedFiles.Root, "docs", "methods.md");
    private static readonly string Pictures = Path.Combine(SharedFiles.Root, "docs", "pictures", "methods");
    private static readonly bool Update = Environment.GetEnvironmentVariable("LIMN_UPDATE_DOCS") == "1";

    private static readonly (Axioms Axiom, string Head)[] Columns =
    [
        (Axioms.Completeness, "complete"), (Axioms.Sensitivity, "sensitive"), (Axioms.Dummy, "dummy"), (Axioms.ImplementationInvariance, "invariant"), (Axioms.Symmetry, "symmetric"),
    ];

    public static TheoryData<string> Names => [.. MethodRegistry.All.Where(m => !m.NeedsTrees).Select(m => m.Name)];

    [Fact]
    public void The_page_of_methods_is_what_the_registry_says()
    {
        string expected = Render();
        if (Update) File.WriteAllText(Page, expected);
        Assert.Equal(expected, File.ReadAllText(Page).ReplaceLineEndings("\n"));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_picture_of_a_method_shows_what_it_computes_now(string name)
    {
        string path = Path.Combine(Pictures, $"{name}.png");
        Image now = MethodPictures.Draw(MethodRegistry.Find(name));
        if (Update)
        {
            Directory.CreateDirectory(Pictures);
            PngFile.Write(path, now);
        }
        Image kept = PngFile.Read(path);
        Assert.Equal(now.Size, kept.Size);
        // The last bits of a sum depend on the width of vectors; of a colour they move one level, rarely more.
        double difference = now.Pixels.Zip(kept.Pixels).Average(p => Math.Abs(p.First - p.Second));
        Assert.True(difference < 1, $"{name}: the picture differs by {difference:F2} levels on average. If that is meant, renew it (LIMN_UPDATE_DOCS=1).");
    }

    [Fact]
    public void There_is_no_picture_of_a_method_that_is_no_more_and_all_are_small()
    {
        FileInfo[] files = new DirectoryInfo(Pictures).GetFiles();
        Assert.Equal(MethodRegistry.All.Where(m => !m.NeedsTrees).Select(m => $"{m.Name}.png").Order(StringComparer.Ordinal), files.Select(f => f.Name).Order(StringComparer.Ordinal));
        Assert.True(files.Sum(f => f.Length) < 500_000);
    }

    private static string Render()
    {
        var text = new StringBuilder();
        text.Append("""
            # Methods

            Generated from the method registry, as `limn methods` prints it. `--method NAME` chooses one on the command line and `--set OPTION=VALUE`
            sets its options; in code each is a class with the options as properties.

            **Cost** is what one row takes with the default options. A row that goes forwards and then backwards, or only forwards, is one *model call*;
            the calls are counted, and the tests hold the table to the count. A method that keeps a forward pass for its backward pass does without keeping where
            the memory budget is too small, and then goes forwards once more. **Axioms** are those of
            [Sundararajan, Taly and Yan (2017)](https://arxiv.org/abs/1703.01365), with φ the attributions of F at x, and b the baseline (zero for a method without one):

            - *complete*: Σφ = F(x) − F(b).
            - *sensitive*, their sensitivity (a): where x and b differ in one element only and F(x) ≠ F(b), that element gets an attribution other than zero.
            - *dummy*, their sensitivity (b): an element on which F does not depend gets zero, however the network is written.
            - *invariant* to the implementation: two networks that compute the same function get the same attributions.
            - *symmetric*: elements that can change places without changing F, equal in x and equal in b, get the same.

            They are tested, not claimed: a ✓ is checked on random networks written in several ways, and for every – there is a network on which the axiom fails
            (`tests/Limn.Tests/AxiomTable`). A method that approximates an integral or an expectation keeps to them in the limit of many steps or samples, and its
            options can change what it keeps to. At a layer, the layer's elements take the place of the inputs. No axiom makes an explanation right.

            | method | what it computes | cost of a row | complete | sensitive | dummy | invariant | symmetric | source |
            | --- | --- | --- | :-: | :-: | :-: | :-: | :-: | --- |

            """.ReplaceLineEndings("\n"));
        foreach (MethodDescription m in MethodRegistry.All)
            text.Append(CultureInfo.InvariantCulture, $"| [`{m.Name}`](#{m.Name}){(m.NeedsNetwork ? "" : m.NeedsTrees ? " △" : " ◻")} | {m.Summary} | {m.Cost} | {string.Join(" | ", Columns.Select(c => Mark(m, c.Axiom)))} | {m.Source} |\n");
        text.Append("\n✓ keeps to it, – does not, n/a: says nothing about the method, for the reason below. ◻ takes anything that predicts, △ trees; the others look inside and need an ONNX network.\n");
        text.Append("\nThe pictures show three digits of the sample in `samples/digits` and their maps for the predicted class: orange speaks for it, blue against it, white is zero; maps without negative values go from dark to light.\n");
        foreach (MethodDescription m in MethodRegistry.All) Section(text, m);
        return text.ToString();
    }

    private static void Section(StringBuilder text, MethodDescription m)
    {
        MethodText about = MethodTexts.For(m.Name);
        text.Append(CultureInfo.InvariantCulture, $"\n## {m.Name}\n\n**{m.Title}.** {about.How} Class `{m.Type.Name}`. {m.Source}.\n");
        if (!m.NeedsTrees) text.Append(CultureInfo.InvariantCulture, $"\n![{m.Title} of three digits](pictures/methods/{m.Name}.png)\n");
        text.Append(CultureInfo.InvariantCulture, $"\n- Formula: {Escape(m.Formula)}\n- Cost of a row: {m.Cost}\n- Axioms: {Kept(m)}\n");
        string[] takes = [.. new[] { m.NeedsLayer ? "`--at` (needed)" : "", m.TakesBaseline ? "`--baseline`" : "", m.TakesMask ? "`--mask`" : "", m.TakesNeuron ? "`--neuron` (needed)" : "" }.Where(t => t.Length > 0)];
        if (takes.Length > 0) text.Append(CultureInfo.InvariantCulture, $"- Takes {string.Join(" and ", takes)}\n");
        text.Append(CultureInfo.InvariantCulture, $"- It shows: {about.Can[0]}\n- Beware: {about.Cannot[0]}\n");
        string caption = m.NeedsTrees ? "" : MethodPictures.Caption(m);
        if (caption.Length > 0) text.Append(CultureInfo.InvariantCulture, $"- The picture:{caption.Replace(" (", " ", StringComparison.Ordinal).TrimEnd(')')}\n");
        if (m.Options.Count == 0) return;
        text.Append("\n| option | takes | default | |\n| --- | --- | --- | --- |\n");
        foreach (MethodOption o in m.Options)
            text.Append(CultureInfo.InvariantCulture, $"| `{o.Name}` | {o.Type.Replace(" | ", ", ", StringComparison.Ordinal)} | {Default(o.Default)} | {o.Summary} |\n");
    }

    private static string Mark(MethodDescription m, Axioms axiom) => m.NotApplicable.HasFlag(axiom) ? "n/a" : m.Axioms.HasFlag(axiom) ? "✓" : "–";

    private static string Kept(MethodDescription m)
    {
        string[] kept = [.. Columns.Where(c => m.Axioms.HasFlag(c.Axiom)).Select(c => c.Head)], not = [.. Columns.Where(c => m.NotApplicable.HasFlag(c.Axiom)).Select(c => c.Head)];
        string text = kept.Length > 0 ? string.Join(", ", kept) : m.NotApplicable == Axioms.All ? "n/a" : "none";
        if (not.Length == 0) return text;
        return m.NotApplicable == Axioms.All ? $"{text}. {m.NotApplicableBecause}" : $"{text}. Not applicable: {string.Join(", ", not)}. {m.NotApplicableBecause}";
    }

    /// <summary>What Markdown would take for emphasis, a link or a tag.</summary>
    private static string Escape(string formula) =>
        formula.Replace("_", "\\_", StringComparison.Ordinal).Replace("*", "\\*", StringComparison.Ordinal).Replace("[", "\\[", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);

    private static string Default(object? value) => value switch { null => "", bool b => b ? "true" : "false", _ => Convert.ToString(value, CultureInfo.InvariantCulture)! };
}
