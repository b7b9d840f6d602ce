using System.Text;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Conformance;

/// <summary>docs/operators.md, made of the registry and of what the official cases show. To renew it: LIMN_UPDATE_DOCS=1 dotnet test tests/Limn.Engine.Tests --filter OperatorsPage</summary>
public class OperatorsPageTests
{
    private static readonly string Page = Path.Combine(SharedFiles.Root, "docs", "operators.md");

    [SharedFact("onnx-node.zip")]
    public void The_page_of_operators_is_what_the_registry_and_the_cases_say()
    {
        string expected = Render(ConformanceCase.ReadAll(SharedFiles.Find("onnx-node.zip")!));
        if (Environment.GetEnvironmentVariable("LIMN_UPDATE_DOCS") == "1") File.WriteAllText(Page, expected);
        Assert.Equal(expected, File.ReadAllText(Page).ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Every_operator_of_the_registry_is_on_the_page()
    {
        string page = File.ReadAllText(Page);
        Assert.All(OperatorRegistry.All, d => Assert.Contains($"| `{d.Name}` |", page, StringComparison.Ordinal));
    }

    private static string Render(IReadOnlyList<ConformanceCase> cases)
    {
        var seen = new Dictionary<(string, string), (int Passed, int All, bool? Differentiable)>();
        var results = new ((string, string)? Operator, bool Passed, bool? Differentiable)[cases.Count];
        Parallel.For(0, cases.Count, i => results[i] = Try(cases[i]));
        foreach (var (op, passed, differentiable) in results)
        {
            if (op is not { } key) continue;
            var before = seen.GetValueOrDefault(key);
            seen[key] = (before.Passed + (passed ? 1 : 0), before.All + 1, before.Differentiable is null ? differentiable : before.Differentiable | differentiable ?? before.Differentiable);
        }

        var text = new StringBuilder($"""
            # Operators

            Generated from the registry and from the official node suite of ONNX 1.22, which the tests run. **Versions** are those of the operator's own set; older meanings
            are rewritten to the present one when a file is read. **Cases** are the official ones of this operator alone, passed of all (a dash: there are none).
            **Gradient**: ✓ where, in a case, a gradient reaches an input; – where none does, because the operator works on integers, texts or truth values, or is no function that has
            one; such a node cuts the path, and an explanation says so; empty where no case has an input of floats. Compositions, functions of the file, and graphs inside nodes (`If`, `Loop`, `Scan`) are differentiated through.
            `limn inspect MODEL` lists what a model uses and Limn lacks.

            Every floating type is computed in float32, a model of doubles too: its inputs are rounded to float32, and what comes out has float32's precision under the name of
            double. Every integer type is computed in 64 bits and wrapped to its own.
            Sequences, optionals and maps are resolved while a file is read: how long a sequence is must be known then (`OnnxReadOptions.SequenceLengths` says it of one that is fed),
            its elements are inputs, outputs and values of their own, and a map is a row of a table with one column for each key.
            `Dropout` in training mode is refused, because what a row gets would depend on chance; `BatchNormalization` in training mode runs, and what a row gets depends on the other rows.


            """);
        foreach (var domain in OperatorRegistry.All.GroupBy(d => d.Domain).OrderBy(d => d.Key, StringComparer.Ordinal))
        {
            text.Append($"## {(domain.Key.Length == 0 ? "ai.onnx" : domain.Key)}\n\n| operator | from version | cases | gradient | notes |\n| --- | ---: | ---: | :-: | --- |\n");
            foreach (OperatorDefinition d in domain.OrderBy(d => d.Name, StringComparer.Ordinal))
            {
                bool known = seen.TryGetValue((d.Domain, d.Name), out var found);
                text.Append($"| `{d.Name}` | {d.Since} | {(known ? $"{found.Passed}/{found.All}" : "–")} | {found.Differentiable switch { true => "✓", false => "–", null => "" }} | {d.Notes} |\n");
            }
            text.Append('\n');
        }
        return text.ToString().TrimEnd() + "\n";
    }

    /// <summary>The only operator of a case, whether the case passes, and whether a gradient leads from an output to an input; null where there is no input of floats.</summary>
    private static ((string, string)? Operator, bool Passed, bool? Differentiable) Try(ConformanceCase one)
    {
        ModelProto model = ModelProto.Parser.ParseFrom(one.Model);
        if (model.Graph.Node.Count != 1) return (null, false, null);
        NodeProto node = model.Graph.Node[0];
        (string, string) key = (OnnxVersions.Domain(node.Domain), node.OpType);
        if (one.Run().Verdict != Verdict.Passed) return (key, false, null);
        Graph graph = one.Read();
        Value[] places = [.. graph.Inputs.Where(i => i.Type.IsFloating())];
        bool? reached = places.Length == 0 ? null : graph.Outputs.Where(o => o.Type.IsFloating()).Any(o => Gradient.Of(graph, o, places).Gradients.Any(g => g is not null));
        return (key, true, reached);
    }
}
