using Xunit.Abstractions;

namespace Limn.Engine.Tests.Conformance;

/// <summary>
/// The official ONNX node suite (shared/onnx-node.zip; made from onnx 1.22, backend/test/data/node). Cases whose operators, attributes
/// or types are not implemented count as unsupported; every other case must pass, unless conformance-exceptions.txt says why not.
/// </summary>
public class OnnxNodeSuiteTests(ITestOutputHelper log)
{
    /// <summary>How many cases pass at least. To be raised as operators land.</summary>
    private const int Passing = 20;

    [SharedFact("onnx-node.zip")]
    public void Every_case_whose_operators_are_known_passes_except_those_listed_with_a_reason()
    {
        IReadOnlyList<ConformanceCase> cases = ConformanceCase.ReadAll(SharedFiles.Find("onnx-node.zip")!);
        var outcomes = new Outcome[cases.Count];
        Parallel.For(0, cases.Count, i => outcomes[i] = cases[i].Run());
        ILookup<Verdict, Outcome> by = outcomes.ToLookup(o => o.Verdict);
        log.WriteLine($"{outcomes.Length} cases: {by[Verdict.Passed].Count()} passed, {by[Verdict.Failed].Count()} failed, {by[Verdict.Unsupported].Count()} unsupported");
        foreach (Outcome outcome in by[Verdict.Failed].Concat(by[Verdict.Unsupported])) log.WriteLine($"{outcome.Verdict} {outcome.Case}: {outcome.Reason}");

        Dictionary<string, string> exceptions = Exceptions();
        string[] unexpected = [.. by[Verdict.Failed].Where(o => !exceptions.ContainsKey(o.Case)).Select(o => $"{o.Case}: {o.Reason}")];
        string[] mended = [.. by[Verdict.Passed].Where(o => exceptions.ContainsKey(o.Case)).Select(o => o.Case)];
        string[] unknown = [.. exceptions.Keys.Except(cases.Select(c => c.Name))];
        Assert.True(unexpected.Length == 0, $"{unexpected.Length} cases fail:\n{string.Join('\n', unexpected)}");
        Assert.True(mended.Length == 0, $"listed as exceptions, but they pass: {string.Join(", ", mended)}");
        Assert.True(unknown.Length == 0, $"listed as exceptions, but there are no such cases: {string.Join(", ", unknown)}");
        Assert.True(by[Verdict.Passed].Count() >= Passing, $"{by[Verdict.Passed].Count()} cases pass; {Passing} did before.");
    }

    [Fact]
    public void The_comparison_is_that_of_the_official_runner()
    {
        Assert.Null(Compare(1f, 1.0009f));
        Assert.NotNull(Compare(1f, 1.002f));
        Assert.Null(Compare(0f, 9e-8f));
        Assert.NotNull(Compare(0f, 2e-7f));
        Assert.Null(Compare(float.NaN, float.NaN));
        Assert.NotNull(Compare(float.NaN, 1f));
        Assert.NotNull(Compare(1f, float.NaN));
        Assert.Null(Compare(float.PositiveInfinity, float.PositiveInfinity));
        Assert.NotNull(Compare(float.PositiveInfinity, float.MaxValue));
        Assert.NotNull(Compare(float.PositiveInfinity, float.NegativeInfinity));
        Assert.NotNull(ConformanceCase.Difference(NdArray.Vector(1f), NdArray.Scalar(1f)));
        Assert.NotNull(ConformanceCase.Difference(NdArray.Vector(1f), NdArray.Vector(1L)));
        Assert.NotNull(ConformanceCase.Difference(NdArray.Vector(1000L), NdArray.Vector(1001L)));
        Assert.NotNull(ConformanceCase.Difference(NdArray.Scalar(true), NdArray.Scalar(false)));

        static string? Compare(float expected, float got) => ConformanceCase.Difference(NdArray.Scalar(expected), NdArray.Scalar(got));
    }

    /// <summary>Lines "case: reason"; empty lines and those that begin with # say nothing.</summary>
    private static Dictionary<string, string> Exceptions() => File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Conformance", "conformance-exceptions.txt"))
        .Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split(':', 2, StringSplitOptions.TrimEntries))
        .ToDictionary(p => p[0], p => p.Length == 2 && p[1].Length > 0 ? p[1] : throw new InvalidDataException($"The exception '{p[0]}' has no reason."));
}
