using System.Globalization;
using System.Text;

namespace Limn.Tests.Docs;

/// <summary>docs/methods.md, generated from the registry. To renew it after a change: LIMN_UPDATE_DOCS=1 dotnet test tests/Limn.Tests --filter MethodTable</summary>
public sealed class MethodTable
{
    private static readonly string Page = Path.Combine(SharedFiles.Root, "docs", "methods.md");

    [Fact]
    public void The_page_of_methods_is_what_the_registry_says()
    {
        string expected = Render();
        if (Environment.GetEnvironmentVariable("LIMN_UPDATE_DOCS") == "1") File.WriteAllText(Page, expected);
        Assert.Equal(expected, File.ReadAllText(Page).ReplaceLineEndings("\n"));
    }

    private static string Render()
    {
        var text = new StringBuilder();
        text.Append("""
            # Methods

            Generated from the method registry, as `limn methods` prints it. `--method NAME` chooses one on the command line and `--set OPTION=VALUE`
            sets its options; in code each is a class with the options as properties.

            | method | looks inside | what it computes | source |
            | --- | --- | --- | --- |

            """.ReplaceLineEndings("\n"));
        foreach (MethodDescription m in MethodRegistry.All)
            text.Append(CultureInfo.InvariantCulture, $"| [`{m.Name}`](#{m.Name}) | {(m.NeedsNetwork ? "yes" : "no")} | {m.Summary} | {m.Source} |\n");
        text.Append("\nA method that looks inside needs an ONNX network; the others take anything that predicts.\n");
        foreach (MethodDescription m in MethodRegistry.All)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {m.Name}\n\n{m.Title}: {Lower(m.Summary)} Class `{m.Type.Name}`.\n");
            string[] takes = [.. new[] { m.TakesBaseline ? "`--baseline`" : "", m.TakesMask ? "`--mask`" : "", m.TakesNeuron ? "`--neuron`" : "" }.Where(t => t.Length > 0)];
            if (takes.Length > 0) text.Append(CultureInfo.InvariantCulture, $"Takes {string.Join(" and ", takes)}.\n");
            if (m.Options.Count == 0) continue;
            text.Append("\n| option | takes | default | |\n| --- | --- | --- | --- |\n");
            foreach (MethodOption o in m.Options)
                text.Append(CultureInfo.InvariantCulture, $"| `{o.Name}` | {o.Type.Replace(" | ", ", ", StringComparison.Ordinal)} | {Default(o.Default)} | {o.Summary} |\n");
        }
        return text.ToString();
    }

    private static string Default(object? value) => value switch { null => "", bool b => b ? "true" : "false", _ => Convert.ToString(value, CultureInfo.InvariantCulture)! };

    private static string Lower(string sentence) => char.ToLowerInvariant(sentence[0]) + sentence[1..];
}
