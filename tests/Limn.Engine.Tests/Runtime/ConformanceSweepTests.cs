using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Tests.Conformance;
using Xunit.Abstractions;

namespace Limn.Engine.Tests.Runtime;

/// <summary>
/// Every official case that passes is written, and so is its gradient graph, and ONNX Runtime runs both. What it refuses must be what it lacks. CI runs every
/// twelfth case; all of them, by hand: <c>LIMN_ORT_SWEEP=1 dotnet test tests/Limn.Engine.Tests -c Release --filter ConformanceSweep --logger "console;verbosity=detailed"</c>.
/// </summary>
public class ConformanceSweepTests(ITestOutputHelper log)
{
    private const double Tolerance = 1e-4;
    private readonly System.Collections.Concurrent.ConcurrentBag<string> notMade = [];
    private static readonly int Step = Environment.GetEnvironmentVariable("LIMN_ORT_SWEEP") == "1" ? 1 : 12;

    [OnnxRuntimeFact]
    public void Onnx_runtime_accepts_every_official_case_as_it_is_written_and_its_gradients()
    {
        if (SharedFiles.Find("onnx-node.zip") is not { } zip) return; // nothing to write
        ConformanceCase[] cases = [.. ConformanceCase.ReadAll(zip).Where((c, i) => i % Step == 0)];
        var made = new (WrittenCase Written, WrittenCase? Gradient, RuntimeCase Original)?[cases.Length];
        Parallel.For(0, cases.Length, i => made[i] = cases[i].Run().Verdict == Verdict.Passed ? Make(cases[i]) : null);

        foreach (string line in notMade.Order()) log.WriteLine($"no gradient graph: {line}");
        WrittenCase[] written = [.. made.OfType<(WrittenCase Written, WrittenCase?, RuntimeCase)>().Select(m => m.Written)];
        WrittenCase[] gradients = [.. made.OfType<(WrittenCase, WrittenCase? Gradient, RuntimeCase)>().Select(m => m.Gradient).OfType<WrittenCase>()];
        Dictionary<string, RuntimeCase> originals = made.OfType<(WrittenCase Written, WrittenCase?, RuntimeCase Original)>().ToDictionary(m => m.Written.Name, m => m.Original);
        string[] wrong = [.. Check(written, originals), .. Check(gradients, originals)];
        Assert.True(wrong.Length == 0, $"{wrong.Length} of {written.Length + gradients.Length}:\n{string.Join('\n', wrong)}");
    }

    private List<string> Check(WrittenCase[] cases, Dictionary<string, RuntimeCase> originals)
    {
        IReadOnlyList<RuntimeResult> results = OnnxRuntimeProcess.Run([.. cases.Select(c => c.Case)]);
        int[] refused = [.. Enumerable.Range(0, cases.Length).Where(i => results[i].Error is not null)];
        IReadOnlyList<RuntimeResult> before = OnnxRuntimeProcess.Run([.. refused.Select(i => originals[cases[i].Name.Replace(" gradient", "", StringComparison.Ordinal)])]);
        List<string> wrong = [];
        int agree = 0, loaded = 0;
        for (int i = 0; i < cases.Length; i++)
        {
            if (results[i].Outputs is not { } outputs) continue;
            if (cases[i].Case.Inputs is null) loaded++;
            else if (cases[i].Difference(outputs, Tolerance, 1e-2) is { } difference) wrong.Add($"DIFFERS {cases[i].Name}: {difference}");
            else agree++;
        }
        int lacks = 0;
        foreach (var (i, original) in refused.Zip(before))
        {
            if (original.Error is null) wrong.Add($"REFUSED {cases[i].Name}: {results[i].Error}");
            else log.WriteLine($"lacks {cases[i].Name} {(++lacks > 0 ? "" : "")}: {results[i].Error}\n      original: {original.Error}");
        }
        log.WriteLine($"{cases.Length} files: {agree} agree, {loaded} are accepted (and hold types that cannot be fed), {lacks} are refused as the original is, {wrong.Count} are wrong");
        foreach (string line in wrong) log.WriteLine(line);
        return wrong;
    }

    private (WrittenCase, WrittenCase?, RuntimeCase) Make(ConformanceCase one)
    {
        Graph graph = OnnxReader.Read(one.Model).Graph;
        NdArray[] feeds = [.. one.Inputs.Select(ConformanceCase.Tensor)];
        WrittenCase written = WrittenCase.Of(one.Name, graph, feeds);
        Value[] places = [.. graph.Inputs.Where(i => i.Type.IsFloating())];
        WrittenCase? gradient = null;
        try
        {
            if (places.Length > 0) gradient = graph.Outputs.Where(o => o.Type.IsFloating()).Select(o => WrittenCase.GradientOf($"{one.Name} gradient", graph, o, places, feeds)).FirstOrDefault(g => g is not null);
        }
        catch (LimnException e) // there is nothing to write
        {
            notMade.Add($"{one.Name}: {e.Message}");
        }
        string[] names = [.. ModelProto.Parser.ParseFrom(one.Model).Graph.Input.Select(i => i.Name)];
        return (written, gradient, new RuntimeCase(one.Model, feeds.All(f => RuntimeTypes.Knows(f.Type)) ? [.. names.Zip(feeds)] : null));
    }
}
