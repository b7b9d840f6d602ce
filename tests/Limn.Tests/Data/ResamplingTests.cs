using System.Numerics.Tensors;
using Limn.Data;

namespace Limn.Tests.Data;

public class ResamplingTests
{
    private static readonly Tensor<float> Plane =
        Tensor.Create([0f, 1, 4, 9, 16, 2, 3, 5, 7, 11, 1, 1, 2, 3, 5, 8, -3, 0, 6, 7], [1, 4, 5]);

    // torch.nn.functional.interpolate of PyTorch 1.13 on the same plane, align_corners=False.
    public static TheoryData<string, int, int, Interpolation, bool, float[]> Torch { get; } = new()
    {
        { "bilinear", 7, 3, Interpolation.Bilinear, false, [0.3333334f, 0.904762f, 2.142857f, 4.166667f, 7.380953f, 11.45238f, 15.16667f, 1.5f, 1.785714f, 2.428571f, 3.5f, 4.571428f, 6.285714f, 8.0f, 6.833334f, 1.595238f, -1.571429f, 0.3333334f, 4.02381f, 6.0f, 6.666667f] },
        { "bilinear, shrinking", 3, 2, Interpolation.Bilinear, false, [1.333333f, 4.5f, 11.66667f, 2.666667f, 0.9999999f, 5.5f] },
        { "antialiased, shrinking", 3, 2, Interpolation.Bilinear, true, [1.367347f, 4.333333f, 10.14286f, 2.183674f, 1.857143f, 5.918367f] },
        { "antialiased, mixed", 7, 3, Interpolation.Bilinear, true, [0.6f, 1.171429f, 2.371429f, 4.3f, 7.228572f, 11.01429f, 14.5f, 1.5f, 1.785714f, 2.428572f, 3.5f, 4.571429f, 6.285714f, 8.0f, 5.900001f, 1.5f, -1.114286f, 0.5999998f, 3.814286f, 5.657144f, 6.4f] },
        { "nearest", 7, 3, Interpolation.NearestFloor, false, [0, 0, 1, 4, 4, 9, 16, 2, 2, 3, 5, 5, 7, 11, 1, 1, 1, 2, 2, 3, 5] },
        { "nearest-exact", 7, 3, Interpolation.Nearest, false, [0, 1, 1, 4, 9, 9, 16, 1, 1, 1, 2, 3, 3, 5, 8, -3, -3, 0, 6, 6, 7] },
    };

    [Theory]
    [MemberData(nameof(Torch))]
    public void Resizing_gives_the_numbers_of_pytorch(string mode, int width, int height, Interpolation interpolation, bool antialias, float[] expected)
    {
        float[] actual = Values(Resampling.Resize(Plane, new ImageSize(width, height), interpolation, antialias));
        Assert.True(expected.Length == actual.Length, mode);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 2e-6f * 16);
    }

    [Fact]
    public void A_map_is_enlarged_as_by_hand()
    {
        // Along a row 0, 1: outputs at -1/4, 1/4, 3/4, 5/4 are 0, 1/4, 3/4, 1; down the columns the same with steps of 2.
        float[] up = Values(Resampling.Resize(Tensor.Create([0f, 1, 2, 3], [2, 2]), new ImageSize(4, 4)));
        Assert.Equal([0, 0.25f, 0.75f, 1, 0.5f, 0.75f, 1.25f, 1.5f, 1.5f, 1.75f, 2.25f, 2.5f, 2, 2.25f, 2.75f, 3], up);
    }

    [Theory]
    [InlineData(Interpolation.Bilinear, false)]
    [InlineData(Interpolation.Bilinear, true)]
    [InlineData(Interpolation.Nearest, false)]
    [InlineData(Interpolation.NearestFloor, false)]
    public void A_constant_stays_constant_and_the_same_size_stays_the_same(Interpolation interpolation, bool antialias)
    {
        float[] flat = new float[6 * 35];
        Array.Fill(flat, 3.5f);
        Tensor<float> planes = Tensor.Create(flat, [2, 3, 5, 7]);
        foreach ((int width, int height) in ((int, int)[])[(1, 1), (2, 9), (20, 3), (7, 5), (7, 2), (3, 5)])
        {
            Tensor<float> resized = Resampling.Resize(planes, new ImageSize(width, height), interpolation, antialias);
            Assert.Equal([2, 3, height, width], resized.Lengths.ToArray().Select(l => (int)l));
            Assert.All(Values(resized), v => Assert.Equal(3.5f, v, 1e-5f));
        }
        Assert.Equal(Values(Plane), Values(Resampling.Resize(Plane, new ImageSize(5, 4), interpolation, antialias)));
    }

    [Fact]
    public void One_sample_fills_everything_and_a_whole_is_averaged_to_its_mean()
    {
        Assert.All(Values(Resampling.Resize(Tensor.Create([2f], [1, 1]), new ImageSize(3, 5))), v => Assert.Equal(2f, v));
        // Two to one, antialiased: the triangle of support 2 weighs both samples alike.
        Assert.Equal([1.5f], Values(Resampling.Resize(Tensor.Create([1f, 2], [1, 2]), new ImageSize(1, 1), antialias: true)));
    }

    [Fact]
    public void NaN_spreads_only_to_what_it_touches()
    {
        float[] up = Values(Resampling.Resize(Tensor.Create([1f, 1, 1, float.NaN], [1, 4]), new ImageSize(8, 1)));
        Assert.Equal([false, false, false, false, false, true, true, true], up.Select(float.IsNaN));
        float[] same = Values(Resampling.Resize(Tensor.Create([1f, 2, float.NaN, 4, 5, 6], [1, 6]), new ImageSize(2, 1)));
        Assert.Equal([2f, 5], same); // centres at 1.5 and 4.5 fall on samples 1 and 4
    }

    [Fact]
    public void Impossible_sizes_are_refused()
    {
        Assert.Throws<ShapeMismatchException>(() => Resampling.Resize(Plane, new ImageSize(0, 1)));
        Assert.Throws<ShapeMismatchException>(() => Resampling.Resize(Tensor.Create([1f], [1]), new ImageSize(1, 1)));
        Assert.Throws<ShapeMismatchException>(() => Resampling.Resize(Tensor.Create(Array.Empty<float>(), [0, 2, 0]), new ImageSize(1, 1)));
        Assert.Throws<ShapeMismatchException>(() => Resampling.Resize(Plane, new ImageSize(int.MaxValue, int.MaxValue)));
        Assert.Throws<InvalidOptionException>(() => Resampling.Resize(Plane, new ImageSize(2, 2), (Interpolation)9));
    }

    private static float[] Values(Tensor<float> tensor)
    {
        float[] values = new float[tensor.FlattenedLength];
        tensor.FlattenTo(values);
        return values;
    }
}
