using Xunit.Abstractions;

namespace Limn.Engine.Tests.Conformance;

/// <summary>
/// The official ONNX node suite (shared/onnx-node.zip; made from onnx 1.22, backend/test/data/node). Cases whose operators, attributes
/// or types are not implemented count as unsupported; every other case must pass, unless conformance-exceptions.txt says why not.
/// </summary>
public class OnnxNodeSuiteTests(ITestOutputHelper log)
{
    /// <summary>How many cases pass at least. To be raised as operators land.</summary>
    private const int Passing = 1736;

    [SharedFact("onnx-node.zip")]
    public void Every_case_whose_operators_are_known_passes_except_those_listed_with_a_reason()
    {
        Outcome[] read = [.. ConformanceCase.All.Value.Select(r => r.Outcome)];
        var written = new Outcome?[read.Length];
        Parallel.For(0, read.Length, i =>
        {
            if (read[i].Verdict == Verdict.Passed) written[i] = ConformanceCase.All.Value[i].Case.RunWritten();
        });
        log.WriteLine($"read: {Count(read)}");
        log.WriteLine($"written and read again: {Count(written.OfType<Outcome>())}");
        Outcome[] outcomes = [.. read, .. written.OfType<Outcome>()];
        foreach (Outcome outcome in outcomes.Where(o => o.Verdict != Verdict.Passed).OrderBy(o => o.Verdict)) log.WriteLine($"{outcome.Verdict} {outcome.Case}: {outcome.Reason}");

        Dictionary<string, string> exceptions = Exceptions();
        // What can be read and passes must be written, too, so an unsupported case is a failure there.
        string[] failed = [.. outcomes.Where(o => o.Verdict == Verdict.Failed).Concat(written.OfType<Outcome>().Where(o => o.Verdict == Verdict.Unsupported))
            .Where(o => !exceptions.ContainsKey(o.Case)).Select(o => $"{o.Case}: {o.Reason}")];
        string[] mended = [.. outcomes.Where(o => o.Verdict == Verdict.Passed && exceptions.ContainsKey(o.Case)).Select(o => o.Case)];
        string[] unknown = [.. exceptions.Keys.Except(outcomes.Select(o => o.Case))];
        Assert.True(failed.Length == 0, $"{failed.Length} cases fail:\n{string.Join('\n', failed)}");
        Assert.True(mended.Length == 0, $"listed as exceptions, but they pass: {string.Join(", ", mended)}");
        Assert.True(unknown.Length == 0, $"listed as exceptions, but there are no such cases: {string.Join(", ", unknown)}");
        int passed = read.Count(o => o.Verdict == Verdict.Passed);
        Assert.True(passed >= Passing, $"{passed} cases pass; {Passing} did before.");

        static string Count(IEnumerable<Outcome> outcomes) =>
            string.Join(", ", Enum.GetValues<Verdict>().Select(v => $"{outcomes.Count(o => o.Verdict == v)} {v.ToString().ToLowerInvariant()}"));
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
