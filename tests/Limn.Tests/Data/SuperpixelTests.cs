using Limn.Data;
using Limn.Engine;

namespace Limn.Tests.Data;

public class SuperpixelTests
{
    /// <summary>The labels of scikit-image 0.19.3, written by benchmarks/peers/superpixels.py --fixtures.</summary>
    public static TheoryData<string, double> Peer { get; } = new()
    {
        { "slic", 0.99 }, { "slic-300-fine", 0.97 }, { "slic-smooth", 0.99 }, { "slic-pieces", 0.99 },
        { "quickshift", 0.99 }, { "quickshift-lime", 0.99 }, { "felzenszwalb", 0.95 },
    };

    private static readonly NdArray Noise = Uniform(3, 24, 31);

    [Theory]
    [MemberData(nameof(Peer))]
    public void Segments_are_those_of_scikit_image(string method, double least)
    {
        Image image = ImageFile.Read(Fixture("picture.png"));
        NdArray picture = NdArray.Create(ElementType.Float, 3, image.Height, image.Width);
        for (int i = 0; i < picture.Length; i++) picture.Floats[i] = image.Pixels[i % (picture.Length / 3) * 3 + i / (picture.Length / 3)] / 255f;
        int[] expected = [.. Numbers.Of(NpyFile.Read(Fixture(method + ".npy")).ToFloat()).Select(v => (int)v)];
        int[] actual = method switch
        {
            "slic" => Segmentation.Slic(picture),
            "slic-300-fine" => Segmentation.Slic(picture, segments: 300, compactness: 1),
            "slic-smooth" => Segmentation.Slic(picture, segments: 50, sigma: 1),
            "slic-pieces" => Segmentation.Slic(picture, connected: false),
            "quickshift" => Segmentation.Quickshift(picture),
            "quickshift-lime" => Segmentation.Quickshift(picture, ratio: 0.2, kernelSize: 4, maximumDistance: 200),
            _ => Segmentation.Felzenszwalb(picture),
        };
        double index = AdjustedRandIndex(actual, expected);
        Assert.True(index >= least, $"adjusted Rand index {index}");
        AssertNumbered(actual);
    }

    [Fact]
    public void One_pixel_is_one_segment()
    {
        foreach (int channels in (int[])[1, 2, 3])
        {
            NdArray pixel = NdArray.Create(ElementType.Float, channels, 1, 1);
            Assert.Equal([0], Segmentation.Slic(pixel));
            Assert.Equal([0], Segmentation.Quickshift(pixel));
        }
        NdArray line = Uniform(1, 1, 40);
        Assert.Equal(40, Segmentation.Slic(line, segments: 4).Length);
        Assert.Equal(40, Segmentation.Slic(line.Reshape(1, 40, 1), segments: 4).Length);
        Assert.Equal(Segmentation.Quickshift(line), Segmentation.Quickshift(line.Reshape(1, 40, 1)));
    }

    [Fact]
    public void What_is_equal_goes_to_the_first()
    {
        NdArray flat = NdArray.Create(ElementType.Float, 3, 12, 12);
        int[] quarters = [.. Enumerable.Range(0, 144).Select(i => (i / 12 > 6 ? 2 : 0) + (i % 12 > 6 ? 1 : 0))]; // centres at 3 and 9; 6 is as near to both
        Assert.Equal(quarters, Segmentation.Slic(flat, segments: 4));
        foreach (int side in (int[])[2, 20, 41]) Assert.Single(Segmentation.Quickshift(NdArray.Create(ElementType.Float, 1, side, side)).Distinct());
    }

    [Fact]
    public void Halves_of_two_colours_are_two_segments()
    {
        foreach (int channels in (int[])[1, 3])
        {
            NdArray halves = NdArray.Create(ElementType.Float, channels, 9, 14);
            for (int i = 0; i < halves.Length; i++) halves.Floats[i] = i % 14 < 7 ? 0.1f : 0.9f;
            int[] expected = [.. Enumerable.Range(0, 126).Select(i => i % 14 < 7 ? 0 : 1)];
            Assert.Equal(expected, Segmentation.Quickshift(halves, ratio: 100));
            Assert.Equal(expected, Segmentation.Slic(halves, segments: 2, compactness: 0.1));
        }
    }

    [Fact]
    public void Slic_with_more_segments_than_pixels_leaves_each_pixel_alone() =>
        Assert.Equal(Enumerable.Range(0, 24 * 31), Segmentation.Slic(Noise, segments: 24 * 31 + 5));

    [Fact]
    public void Slic_makes_segments_connected_and_not_too_small()
    {
        int[] whole = Segmentation.Slic(Noise, segments: 20, compactness: 80), pieces = Segmentation.Slic(Noise, segments: 20, compactness: 80, connected: false);
        Assert.InRange(whole.Max() + 1, 10, 30);
        Assert.Equal(whole.Max() + 1, Pieces(whole, 24, 31));
        Assert.True(Pieces(pieces, 24, 31) > pieces.Max() + 1);
        AssertNumbered(pieces);
        Assert.All(whole.GroupBy(l => l), g => Assert.True(g.Count() >= 24 * 31 / 20 / 2 * 0.8));
        int Count(double least, double most) => Segmentation.Slic(Noise, segments: 20, compactness: 80, minimumSizeFactor: least, maximumSizeFactor: most).Max() + 1;
        Assert.True(Count(0, 3) > Count(0.5, 3));
        Assert.True(Count(0, 0.1) > Count(0, 3));
        Assert.Equal(24 * 31, Count(0, 0)); // the largest size is at least one pixel
    }

    [Fact]
    public void Each_option_of_slic_counts()
    {
        int[] usual = Segmentation.Slic(Noise, segments: 20, compactness: 80);
        Assert.Equal(usual, Segmentation.Slic(Noise, segments: 20, compactness: 80, convertToLab: true));
        Assert.NotEqual(usual, Segmentation.Slic(Noise, segments: 20, compactness: 80, convertToLab: false));
        Assert.NotEqual(usual, Segmentation.Slic(Noise, segments: 20, compactness: 80, iterations: 1));
        Assert.NotEqual(usual, Segmentation.Slic(Noise, segments: 20, compactness: 80, sigma: 1));
        Assert.Equal(Segmentation.Slic(NdArray.Create(ElementType.Float, 3, 24, 31), segments: 20), Segmentation.Slic(Noise, segments: 20, compactness: 1e6));
        NdArray wide = Noise.Copy();
        for (int i = 0; i < wide.Length; i++) wide.Floats[i] = 8 * wide.Floats[i] - 4;
        double index = AdjustedRandIndex(usual, Segmentation.Slic(wide, segments: 20, compactness: 80));
        Assert.True(usual.Max() > 10 && index > 0.9, $"the range of colours does not matter: {index}");
    }

    [Fact]
    public void Each_option_of_quickshift_counts()
    {
        int Count(double ratio = 0.5, double kernelSize = 3, double maximumDistance = 10, double sigma = 0, bool? lab = null) =>
            Segmentation.Quickshift(Noise, ratio, kernelSize, maximumDistance, sigma, lab).Max() + 1;
        Assert.True(Count(maximumDistance: 5) > Count(maximumDistance: 20));
        Assert.True(Count(ratio: 1) > Count(ratio: 0.01));
        Assert.True(Count(sigma: 2) < Count());
        Assert.True(Count(lab: false) < Count()); // distances of 0 to 1 are small beside those of place
        Assert.Equal(24 * 31, Count(maximumDistance: 0));
        Assert.Equal(1, Count(ratio: 0, kernelSize: 20, maximumDistance: double.PositiveInfinity));
    }

    [Fact]
    public void The_same_picture_gives_the_same_segments()
    {
        int[][] slic = [.. Enumerable.Range(0, 4).AsParallel().Select(_ => Segmentation.Slic(Noise))], quick = [.. Enumerable.Range(0, 4).AsParallel().Select(_ => Segmentation.Quickshift(Noise))];
        Assert.All(slic, s => Assert.Equal(slic[0], s));
        Assert.All(quick, s => Assert.Equal(quick[0], s));
    }

    [Fact]
    public void What_cannot_be_divided_is_refused()
    {
        foreach (Func<NdArray, int[]> divide in (Func<NdArray, int[]>[])[x => Segmentation.Slic(x), x => Segmentation.Quickshift(x), x => Segmentation.Felzenszwalb(x)])
        {
            NdArray holed = Noise.Copy();
            holed.Floats[77] = float.NaN;
            Assert.Contains("NaN", Assert.Throws<InvalidDataException>(() => divide(holed)).Message, StringComparison.Ordinal);
            holed.Floats[77] = float.PositiveInfinity;
            Assert.Throws<InvalidDataException>(() => divide(holed));
            Assert.Contains("[24,93]", Assert.Throws<ShapeMismatchException>(() => divide(Noise.Reshape(24, 93))).Message, StringComparison.Ordinal);
            Assert.Throws<ShapeMismatchException>(() => divide(NdArray.Create(ElementType.Float, 3, 0, 5)));
        }
        NdArray grey = Uniform(1, 5, 5);
        Assert.Throws<InvalidOptionException>(() => Segmentation.Slic(grey, convertToLab: true));
        Assert.Throws<InvalidOptionException>(() => Segmentation.Quickshift(grey, convertToLab: true));
        Assert.Throws<InvalidOptionException>(() => Segmentation.Slic(grey, segments: 0));
        Assert.Throws<InvalidOptionException>(() => Segmentation.Slic(grey, compactness: 0));
        Assert.Throws<InvalidOptionException>(() => Segmentation.Slic(grey, iterations: 0));
        Assert.Throws<InvalidOptionException>(() => Segmentation.Slic(grey, sigma: double.NaN));
        Assert.Throws<InvalidOptionException>(() => Segmentation.Slic(grey, minimumSizeFactor: 2, maximumSizeFactor: 1));
        Assert.Throws<InvalidOptionException>(() => Segmentation.Quickshift(grey, ratio: -1));
        Assert.Throws<InvalidOptionException>(() => Segmentation.Quickshift(grey, kernelSize: 0.5));
        Assert.Throws<InvalidOptionException>(() => Segmentation.Quickshift(grey, maximumDistance: double.NaN));
        Assert.Throws<InvalidOptionException>(() => Segmentation.Quickshift(grey, sigma: -1));
    }

    private static string Fixture(string name) => Path.Combine(SharedFiles.Root, "tests", "Limn.Tests", "Data", "Superpixels", name);

    private static NdArray Uniform(params int[] dims)
    {
        NdArray array = NdArray.Create(ElementType.Float, dims);
        var random = new Random(3);
        for (int i = 0; i < array.Length; i++) array.Floats[i] = random.NextSingle();
        return array;
    }

    private static void AssertNumbered(int[] labels) => Assert.Equal(Enumerable.Range(0, labels.Max() + 1), labels.Distinct());

    private static int Pieces(int[] labels, int height, int width)
    {
        var seen = new bool[labels.Length];
        int pieces = 0;
        for (int start = 0; start < labels.Length; start++)
        {
            if (seen[start]) continue;
            pieces++;
            var open = new Stack<int>([start]);
            seen[start] = true;
            while (open.TryPop(out int p))
                foreach ((int dx, int dy) in ((int, int)[])[(1, 0), (-1, 0), (0, 1), (0, -1)])
                {
                    int x = p % width + dx, y = p / width + dy, q = y * width + x;
                    if (x < 0 || y < 0 || x >= width || y >= height || seen[q] || labels[q] != labels[p]) continue;
                    seen[q] = true;
                    open.Push(q);
                }
        }
        return pieces;
    }

    private static double AdjustedRandIndex(int[] a, int[] b)
    {
        static double Pairs<T>(IEnumerable<T> items) where T : notnull => items.CountBy(i => i).Sum(g => g.Value * (g.Value - 1.0) / 2);
        double both = Pairs(a.Zip(b)), inA = Pairs(a), inB = Pairs(b), expected = inA * inB / (a.Length * (a.Length - 1.0) / 2);
        return (both - expected) / ((inA + inB) / 2 - expected);
    }
}
