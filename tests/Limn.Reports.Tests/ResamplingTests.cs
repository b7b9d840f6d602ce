namespace Limn.Reports.Tests;

public class ResamplingTests
{
    [Fact]
    public void Growing_is_bilinear_with_pixel_centres_at_half_integers()
    {
        // torch.nn.functional.interpolate([[0, 1], [2, 3]], size=(4, 4), mode="bilinear", align_corners=False)
        float[] expected = [0, 0.25f, 0.75f, 1, 0.5f, 0.75f, 1.25f, 1.5f, 1.5f, 1.75f, 2.25f, 2.5f, 2, 2.25f, 2.75f, 3];
        float[] actual = Resampling.Resize([0, 1, 2, 3], 2, 2, 4, 4);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], 6);
        }
    }

    [Fact]
    public void Same_size_is_a_copy()
    {
        float[] map = [1, float.NaN, -3, float.PositiveInfinity];
        Assert.Equal(map, Resampling.Resize(map, 2, 2, 2, 2));
    }

    [Theory]
    [InlineData(7, 5, 224, 224)]
    [InlineData(224, 30, 8, 8)]
    [InlineData(1, 1, 5, 3)]
    [InlineData(5, 3, 1, 1)]
    public void Constants_stay_constant(int height, int width, int newHeight, int newWidth)
    {
        float[] map = [.. Enumerable.Repeat(2.5f, height * width)];
        float[] result = Resampling.Resize(map, height, width, newHeight, newWidth);
        Assert.Equal(newHeight * newWidth, result.Length);
        Assert.All(result, v => Assert.Equal(2.5f, v, 5));
    }

    [Fact]
    public void Shrinking_averages_instead_of_skipping_pixels()
    {
        float[] stripes = [.. Enumerable.Range(0, 64).Select(i => i % 2 == 0 ? 0f : 1f)];
        Assert.All(Resampling.Resize(stripes, 1, 64, 1, 8)[1..^1], v => Assert.Equal(0.5f, v, 5));
    }

    [Fact]
    public void Nan_spreads_only_to_the_pixels_that_touch_it()
    {
        float[] result = Resampling.Resize([float.NaN, 1, 1, 1], 1, 4, 1, 8);
        Assert.True(float.IsNaN(result[0]) && float.IsNaN(result[1]) && float.IsNaN(result[2]));
        Assert.All(result[3..], v => Assert.Equal(1f, v, 5));
    }
}
