using System.Collections.Concurrent;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Tests.Conformance;
using Xunit.Abstractions;

namespace Limn.Engine.Tests.Runtime;

/// <summary>
/// Official cases that pass are written, and their gradient graphs as well, and ONNX Runtime must run both to the same result. What it refuses, or computes
/// otherwise, must be what it refuses or fails in the original file too. CI runs some of the cases; all of them, by hand:
/// <c>LIMN_ORT_SWEEP=1 dotnet test tests/Limn.Engine.Tests -c Release --filter FullyQualifiedName~ConformanceSweep --logger "console;verbosity=detailed"</c>.
/// </summary>
public class ConformanceSweepTests(ITestOutputHelper log)
{
    private static readonly int Step = Environment.GetEnvironmentVariable("LIMN_ORT_SWEEP") == "1" ? 1 : 20;

    /// <summary>What ONNX Runtime says of a file that is wrong, rather than of an operator that it lacks.</summary>
    private static readonly string[] Invalid = ["invalid model", "ShapeInferenceError", "TypeInferenceError", "the process ended"];

    private readonly ConcurrentBag<string> notMade = [];

    [OnnxRuntimeTheory]
    [InlineData(17, 0)] // the lowest set, which most operators need no more than
    [InlineData(24, 3)] // a recent one, which must not change what operators mean
    public void Onnx_runtime_runs_the_official_cases_as_they_are_written_and_their_gradients(int opset, int first)
    {
        if (SharedFiles.Find("onnx-node.zip") is not { } zip) return; // nothing to write
        ConformanceCase[] cases = [.. ConformanceCase.ReadAll(zip).Where((c, i) => i % Step == first % Step)];
        var options = new OnnxWriteOptions { MinOpset = opset };
        var written = new ConcurrentBag<(WrittenCase, ConformanceCase)>();
        var gradients = new ConcurrentBag<(WrittenCase, ConformanceCase)>();
        Parallel.ForEach(cases, one =>
        {
            if (one.Run().Verdict != Verdict.Passed) return;
            NdArray[] feeds = one.Feeds();
            Graph graph = one.Read();
            written.Add((WrittenCase.Of(one.Name, graph, feeds, options), one));
            if (GradientOf(one, graph, feeds, options) is { } gradient) gradients.Add((gradient, one));
        });
        foreach (string line in notMade.Order()) log.WriteLine($"no gradient graph: {line}");
        string[] wrong = [.. Check("files", [.. written.OrderBy(w => w.Item1.Name)]), .. Check("gradient graphs", [.. gradients.OrderBy(w => w.Item1.Name)])];
        Assert.True(wrong.Length == 0, $"{wrong.Length} of {written.Count + gradients.Count}:\n{string.Join('\n', wrong)}");
    }

    private WrittenCase? GradientOf(ConformanceCase one, Graph graph, NdArray[] feeds, OnnxWriteOptions options)
    {
        Value[] places = [.. graph.Inputs.Where(i => i.Type.IsFloating())];
        if (places.Length == 0) return null;
        try
        {
            return graph.Outputs.Where(o => o.Type.IsFloating()).Select(o => WrittenCase.GradientOf($"{one.Name} (gradient)", graph, o, places, feeds, options)).FirstOrDefault(g => g is not null);
        }
        catch (LimnException e) // there is nothing to write
        {
            notMade.Add($"{one.Name}: {e.Message}");
            return null;
        }
    }

    private List<string> Check(string what, (WrittenCase Written, ConformanceCase Case)[] all)
    {
        IReadOnlyList<RuntimeResult> results = OnnxRuntimeProcess.Run([.. all.Select(c => c.Written.Case)]);
        var doubtful = new List<(int Index, string Reason)>();
        int agree = 0, loaded = 0, lacking = 0, own = 0;
        for (int i = 0; i < all.Length; i++)
        {
            if (results[i].Outputs is not { } outputs) doubtful.Add((i, results[i].Error!));
            else if (all[i].Written.Case.Inputs is null) loaded++;
            else if (all[i].Written.Difference(outputs, Tolerance(all[i].Written), 1e-2) is { } difference) doubtful.Add((i, difference));
            else agree++;
        }
        IReadOnlyList<RuntimeResult> originals = OnnxRuntimeProcess.Run([.. doubtful.Select(d => Original(all[d.Index].Case))]);
        List<string> wrong = [];
        foreach (var ((index, reason), original) in doubtful.Zip(originals))
        {
            if (results[index].Error is not null && original.Error is not null && !Array.Exists(Invalid, reason.Contains)) lacking++;
            else if (results[index].Error is null && original.Error is null && Fails(all[index].Case, original)) own++;
            else
            {
                wrong.Add($"{all[index].Written.Name}: {reason}");
                continue;
            }
            log.WriteLine($"  {all[index].Written.Name}: {reason}");
        }
        log.WriteLine($"{all.Length} {what}: {agree} agree, {loaded} are accepted and hold types that cannot be fed, {lacking} need what ONNX Runtime lacks, {own} differ where it fails the official case, {wrong.Count} are wrong");
        return wrong;
    }

    /// <summary>Casts to 16 bits round here, and are casts to FLOAT in the file.</summary>
    private static double Tolerance(WrittenCase written) => written.Halves ? 1e-2 : 2e-4;

    private static RuntimeCase Original(ConformanceCase one)
    {
        if (!one.HasTensorsOnly()) return new RuntimeCase(one.Model, null);
        NdArray[] feeds = one.Feeds();
        return new RuntimeCase(one.Model, feeds.All(f => RuntimeTypes.Knows(f.Type)) ? [.. ModelProto.Parser.ParseFrom(one.Model).Graph.Input.Select(i => i.Name).Zip(feeds)] : null);
    }

    /// <summary>Whether ONNX Runtime does not compute what the reference implementation does.</summary>
    private static bool Fails(ConformanceCase one, RuntimeResult original) => one.HasTensorsOnly() &&
        ModelProto.Parser.ParseFrom(one.Model).Graph.Output.Zip(one.Outputs).Any(p => ConformanceCase.Difference(ConformanceCase.Tensor(p.Second), original.Outputs![p.First.Name]) is not null);
}
