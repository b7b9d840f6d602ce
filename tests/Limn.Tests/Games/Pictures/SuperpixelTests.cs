using Limn.Data;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Games;
using Limn.Models;
using static Limn.Tests.Games.Pictures.PictureCases;

namespace Limn.Tests.Games.Pictures;

public sealed class SuperpixelTests
{
    private static readonly FunctionModel Sum = Of(x => x.Sum(v => (double)v));

    private static Players PlayersOf(NdArray x, PlayerKind features, int segments = 50, ExplainOptions? options = null) =>
        new PermutationShap(Sum) { Features = features, Segments = segments, Samples = 1, Baseline = Baseline.Value(-1) }.Explain([x], Target.Class(0), options).Players![0].Players;

    [Theory]
    [InlineData(PlayerKind.Slic, 1), InlineData(PlayerKind.Slic, 3)]
    [InlineData(PlayerKind.Felzenszwalb, 1), InlineData(PlayerKind.Felzenszwalb, 3)]
    [InlineData(PlayerKind.Quickshift, 1), InlineData(PlayerKind.Quickshift, 3)]
    [InlineData(PlayerKind.Grid, 2)]
    public void Segments_hold_all_channels_of_a_pixel_and_none_reaches_over_an_edge_of_colour(PlayerKind features, int channels)
    {
        const int Side = 32, Area = Side * Side;
        Players players = PlayersOf(Quarters(channels, Side), features, 16);
        Assert.InRange(players.Count, 4, 40);
        int[] of = players.Of[0];
        for (int c = 1; c < channels; c++) Assert.Equal(of[..Area], of[(c * Area)..((c + 1) * Area)]);
        Assert.Equal(Enumerable.Range(0, players.Count), of.Distinct().Order());
        int torn = Enumerable.Range(0, players.Count).Sum(k => Enumerable.Range(0, Area).Where(p => of[p] == k).GroupBy(p => (p / Side < Side / 2, p % Side < Side / 2)).Select(g => g.Count()).OrderDescending().Skip(1).Sum());
        Assert.InRange(torn, 0, Area / 50);
        Assert.Equal(players.Count, players.Hierarchy!.Players);
        Assert.StartsWith("segment 0 (at ", players.NameOf(0), StringComparison.Ordinal);
    }

    [Fact]
    public void By_default_pictures_of_more_than_64_elements_are_divided_and_nothing_else()
    {
        Assert.Equal(64, PlayersOf(Picture(1, 1, 1, 8, 8), PlayerKind.Auto).Count);
        Assert.InRange(PlayersOf(Quarters(3, 24), PlayerKind.Auto).Count, 20, 80);
        Assert.Equal(100, PlayersOf(Picture(1, 1, 100), PlayerKind.Auto).Count);
        Assert.Equal(108, PlayersOf(Picture(1, 1, 3, 6, 6), PlayerKind.Elements).Count);
        Assert.Equal(1, PlayersOf(Picture(1, 1, 1, 1, 1), PlayerKind.Slic).Count);
        Assert.Contains("divides pictures", Assert.Throws<InvalidOptionException>(() => PlayersOf(Picture(1, 1, 100), PlayerKind.Slic)).Message, StringComparison.Ordinal);
        Assert.Contains("segments", Assert.Throws<InvalidOptionException>(() => PlayersOf(Picture(1, 1, 1, 8, 8), PlayerKind.Slic, 0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_grid_is_of_squares_where_it_can_be()
    {
        Players players = PlayersOf(Picture(1, 1, 1, 20, 40), PlayerKind.Grid, 8);
        Assert.Equal(8, players.Count);
        Assert.Equal("segment 0 (at 4, 4)", players.NameOf(0)); // 9.5 / 2, ties to even
        Assert.Equal("segment 7 (at 34, 14)", players.NameOf(7));
    }

    [Fact]
    public void Of_several_inputs_the_picture_is_divided_and_the_table_is_not()
    {
        var g = new GraphBuilder();
        Value picture = g.Input("picture", ElementType.Float, [Dim.Named("batch"), 1, 12, 12]), table = g.Input("table", ElementType.Float, [Dim.Named("batch"), 3]);
        g.Output(g.Add(g.ReduceSum(g.Flatten(picture, 1), [1]), g.ReduceSum(table, [1])), "y");
        NdArray[] x = [Quarters(1, 12), Picture(2, 1, 3)];
        Attribution a = new PermutationShap(new OnnxModel(g.Build())) { Segments = 9, Samples = 1 }.Explain(x, Target.Class(0));
        Players players = a.Players![0].Players;
        int segments = players.Of[0].Max() + 1;
        Assert.InRange(segments, 4, 20);
        Assert.Equal([segments, segments + 1, segments + 2], players.Of[1]);
        Assert.Equal($"feature {segments}", players.NameOf(segments));
        float[] values = Numbers.Of(a.Tensors[1].Values);
        for (int i = 0; i < 3; i++) Assert.Equal(x[1].Floats[i], values[i], 1e-4);
        var (left, right) = players.Hierarchy!.Children(players.Hierarchy.Root);
        Assert.Equal([3, segments], new[] { players.Hierarchy.Members(left).Length, players.Hierarchy.Members(right).Length }.Order());
    }

    [Fact]
    public void Values_of_segments_add_up_and_are_what_their_pixels_bring()
    {
        NdArray x = Quarters(3, 16);
        foreach (GameMethod method in (GameMethod[])[new KernelShap(Sum) { Segments = 6 }, new PermutationShap(Sum) { Segments = 6, Samples = 1 }, new PartitionShap(Sum) { Segments = 6 }])
        {
            Attribution a = Ask(method, x);
            PlayerValues row = a.Players![0];
            for (int k = 0; k < row.Players.Count; k++)
                Assert.Equal(Enumerable.Range(0, x.Length).Where(e => row.Players.Of[0][e] == k).Sum(e => (double)x.Floats[e]), row.Solution.Values[k], 1e-3);
            Assert.Equal(0, a.ConvergenceDelta![0], 1e-3);
        }
        float[] losses = Numbers.Of(Ask(new FeatureAblation(Sum) { Features = PlayerKind.Slic, Segments = 6 }, x).Values), shares = Numbers.Of(Ask(new KernelShap(Sum) { Segments = 6 }, x).Values);
        for (int e = 0; e < losses.Length; e++) Assert.Equal(shares[e], losses[e], 1e-3);
    }

    [Fact]
    public void The_tree_of_segments_joins_what_looks_alike_first()
    {
        // Cells 4 x 4: the dark left half and the bright right half are each together before they meet.
        NdArray x = NdArray.Create(ElementType.Float, 1, 1, 16, 16);
        for (int p = 0; p < x.Length; p++) x.Floats[p] = p % 16 < 8 ? 0.2f : 0.8f;
        Hierarchy tree = PlayersOf(x, PlayerKind.Grid, 16).Hierarchy!;
        var (left, right) = tree.Children(tree.Root);
        int[][] halves = [[.. tree.Members(left).ToArray().Order()], [.. tree.Members(right).ToArray().Order()]];
        Assert.Equal(8, halves[0].Length);
        Assert.All(halves, h => Assert.Single(h.Select(k => k % 4 < 2).Distinct()));
    }

    [Fact]
    public void The_range_of_the_data_decides_how_colours_compare()
    {
        // Half a picture a little brighter: beside a range a thousand times as wide it is all one.
        NdArray x = NdArray.Create(ElementType.Float, 1, 1, 16, 16);
        for (int p = 0; p < x.Length; p++) x.Floats[p] = p % 16 < 5 ? 0 : 1;
        NdArray wide = NdArray.Create(ElementType.Float, 2, 1, 16, 16);
        wide.Floats[256..].Fill(1e6f);
        int own = PlayersOf(x, PlayerKind.Felzenszwalb, 2).Count, beside = PlayersOf(x, PlayerKind.Felzenszwalb, 2, new ExplainOptions { Range = DataRange.Of([wide]) }).Count;
        Assert.Equal((2, 1), (own, beside));
    }

    [Fact]
    public void What_is_absent_can_be_filled_from_around_it()
    {
        NdArray x = Quarters(1, 16), labels = NdArray.Create(ElementType.Int64, 1, 16, 16);
        for (int p = 0; p < 256; p++) labels.Integers[p] = p / 16 is >= 4 and < 8 && p % 16 is >= 4 and < 8 ? 1 : 0;
        var seen = new List<float[]>();
        FunctionModel model = Of(v =>
        {
            lock (seen) seen.Add(v);
            return v.Sum(e => (double)e);
        });
        Attribution a = Ask(new ShapleyValues(model) { Mask = [labels], Baseline = Baseline.Inpaint }, x);
        var missing = new bool[256];
        for (int p = 0; p < 256; p++) missing[p] = labels.Integers[p] == 1;
        float[] filled = Inpainting.Telea(x.Reshape(1, 16, 16), missing, extrapolate: false).Floats.ToArray();
        Assert.Contains(seen, s => s.SequenceEqual(filled));
        Assert.Contains(seen, s => s.All(v => Math.Abs(v - x.Floats.ToArray().Average()) < 1e-5)); // nobody: the mean
        double[] values = a.Players![0].Solution.Values;
        Assert.Equal(x.Floats.ToArray().Sum(v => (double)v) - 256 * x.Floats.ToArray().Average(), values.Sum(), 1e-3);
    }

    [Fact]
    public void Inpainting_is_refused_where_nothing_says_what_is_absent()
    {
        NdArray x = Quarters(1, 16);
        foreach (Method method in (Method[])[new FeatureAblation(Sum) { Baseline = Baseline.Inpaint }, new Occlusion(Sum) { Baseline = Baseline.Inpaint }, new SobolIndices(Sum) { Baseline = Baseline.Inpaint }])
            Assert.Contains("kernel-shap", Assert.Throws<InvalidOptionException>(() => Ask(method, x)).Message, StringComparison.Ordinal);
        Assert.Contains("pictures", Assert.Throws<InvalidOptionException>(() => Ask(new KernelShap(Sum) { Baseline = Baseline.Inpaint }, Picture(1, 1, 5))).Message, StringComparison.Ordinal);
        // A range that is known does not trip over a fill that is in it.
        var options = new ExplainOptions { Range = DataRange.Of([x]) };
        Assert.DoesNotContain(new KernelShap(Sum) { Segments = 5, Baseline = Baseline.Inpaint }.Explain([x], Target.Class(0), options).Remarks, r => r.Contains("range", StringComparison.Ordinal));
    }
}
