using System.Numerics.Tensors;
using Limn.Data;

namespace Limn.Reports.Tests;

public class HeatMapTests
{
    private static readonly HeatMapOptions Plain = new() { ColorBar = false, MinimumSize = 1 };

    private static Rgb Pixel(Image picture, int x, int y)
    {
        int at = 3 * ((y * picture.Width) + x);
        return new Rgb(picture.Pixels[at], picture.Pixels[at + 1], picture.Pixels[at + 2]);
    }

    private static Image Uniform(int width, int height, byte level) => new(width, height, 3, [.. Enumerable.Repeat(level, 3 * width * height)]);

    [Fact]
    public void Signed_map_is_diverging_with_zero_in_the_middle()
    {
        HeatMapResult result = HeatMap.Render([-2f, 0f, 1f, 2f], 1, 2, 2, options: Plain);
        Assert.True(result.Diverging);
        Assert.Equal(2, result.Limit);
        Assert.Equal(HeatMapFlags.None, result.Flags);
        Assert.Empty(result.Remarks);
        Assert.Equal(Palette.Diverging(-1), Pixel(result.Picture, 0, 0));
        Assert.Equal(Palette.Diverging(0), Pixel(result.Picture, 1, 0));
        Assert.Equal(Palette.Diverging(0.5), Pixel(result.Picture, 0, 1));
        Assert.Equal(Palette.Diverging(1), Pixel(result.Picture, 1, 1));
    }

    [Fact]
    public void Map_without_negative_values_is_sequential_unless_asked_otherwise()
    {
        HeatMapResult result = HeatMap.Render([0f, 1f, 2f, 4f], 1, 2, 2, options: Plain);
        Assert.False(result.Diverging);
        Assert.Equal(Palette.Sequential(0.25), Pixel(result.Picture, 1, 0));
        HeatMapResult asked = HeatMap.Render([0f, 1f, 2f, 4f], 1, 2, 2, options: Plain with { Scale = HeatMapScale.Diverging });
        Assert.Equal(Palette.Diverging(0.25), Pixel(asked.Picture, 1, 0));
    }

    [Fact]
    public void Negative_values_on_a_sequential_scale_are_reported()
    {
        HeatMapResult result = HeatMap.Render([-3f, 1f], 1, 1, 2, options: Plain with { Scale = HeatMapScale.Sequential });
        Assert.True(result.Flags.HasFlag(HeatMapFlags.NegativeHidden));
        Assert.Contains("\u22123", Assert.Single(result.Remarks), StringComparison.Ordinal);
        Assert.Equal(Palette.Sequential(0), Pixel(result.Picture, 0, 0));
    }

    [Theory]
    [InlineData(100, 100f, false)]
    [InlineData(99, 99f, true)]
    [InlineData(50, 50f, true)]
    [InlineData(0.001, 1f, true)]
    public void Colours_saturate_at_the_percentile_of_the_magnitudes(double percentile, float limit, bool clipped)
    {
        float[] map = [.. Enumerable.Range(1, 100).Select(i => i % 2 == 0 ? (float)i : -i)];
        HeatMapResult result = HeatMap.Render(map, 1, 10, 10, options: Plain with { Percentile = percentile });
        Assert.Equal(limit, result.Limit);
        Assert.Equal(clipped, result.Flags.HasFlag(HeatMapFlags.Clipped));
        Assert.Equal(Palette.Diverging(1), Pixel(result.Picture, 9, 9));
    }

    [Fact]
    public void One_value_among_zeros_is_not_lost_to_the_percentile()
    {
        float[] map = new float[1000];
        map[123] = 5;
        HeatMapResult result = HeatMap.Render(map, 1, 10, 100, options: Plain);
        Assert.Equal(5, result.Limit);
        Assert.Equal(Palette.Sequential(1), Pixel(result.Picture, 23, 1));
        Assert.Equal(HeatMapFlags.None, result.Flags);
    }

    [Fact]
    public void All_zero_map_is_neutral_and_says_so()
    {
        HeatMapResult result = HeatMap.Render(new float[12], 3, 2, 2, options: Plain with { Scale = HeatMapScale.Diverging });
        Assert.Equal(HeatMapFlags.AllZero, result.Flags);
        Assert.Equal(0, result.Limit);
        Assert.Contains("zero", Assert.Single(result.Remarks), StringComparison.Ordinal);
        Assert.Equal(Palette.Diverging(0), Pixel(result.Picture, 1, 1));
        Assert.Null(ColorLegend.Of(result));
    }

    [Fact]
    public void Values_that_are_not_finite_are_grey_and_left_out_of_the_scale()
    {
        HeatMapResult result = HeatMap.Render([float.NaN, float.PositiveInfinity, -1f, 2f], 1, 2, 2, options: Plain);
        Assert.Equal(HeatMapFlags.NonFinite, result.Flags);
        Assert.Equal(2, result.NonFiniteCount);
        Assert.Equal((2, -1, 2), (result.Limit, result.Minimum, result.Maximum));
        Assert.Equal(Palette.NonFinite, Pixel(result.Picture, 0, 0));
        Assert.Equal(Palette.NonFinite, Pixel(result.Picture, 1, 0));
        Assert.Equal(Palette.Diverging(-0.5), Pixel(result.Picture, 0, 1));
        Assert.Contains("2 of 4", Assert.Single(result.Remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void Map_with_nothing_finite_is_all_grey()
    {
        HeatMapResult result = HeatMap.Render([float.NaN, float.NegativeInfinity], 1, 1, 2, options: Plain);
        Assert.Equal(HeatMapFlags.NonFinite | HeatMapFlags.NothingFinite, result.Flags);
        Assert.True(double.IsNaN(result.Minimum) && double.IsNaN(result.Maximum));
        Assert.All(result.Picture.Pixels, b => Assert.Equal(128, b));
        Assert.Single(result.Remarks);
    }

    [Fact]
    public void Constant_map_is_flagged()
    {
        HeatMapResult result = HeatMap.Render([3f, 3f, 3f, 3f], 1, 2, 2, options: Plain);
        Assert.Equal(HeatMapFlags.Constant, result.Flags);
        Assert.Contains("3", Assert.Single(result.Remarks), StringComparison.Ordinal);
        Assert.Equal(HeatMapFlags.None, HeatMap.Render([3f], 1, 1, 1, options: Plain).Flags);
    }

    [Theory]
    [InlineData(ChannelReduction.Sum, -1f, 4f)]
    [InlineData(ChannelReduction.SumOfAbsolutes, 5f, 4f)]
    [InlineData(ChannelReduction.MaximumOfAbsolutes, 3f, 3f)]
    public void Channels_are_reduced_as_asked(ChannelReduction reduction, float first, float second)
    {
        HeatMapResult result = HeatMap.Render([-3f, 1f, 2f, 3f], 2, 1, 2, options: Plain with { Reduction = reduction, Percentile = 100 });
        Assert.Equal(Math.Min(first, second), result.Minimum);
        Assert.Equal(Math.Max(first, second), result.Maximum);
    }

    [Fact]
    public void Overlay_shows_the_bare_picture_at_zero_and_the_colour_where_the_value_is_strong()
    {
        Image picture = Uniform(2, 1, 255);
        HeatMapResult result = HeatMap.Render([0f, -1f], 1, 1, 2, picture, Plain with { Opacity = 1 });
        Assert.Equal(new Rgb(255, 255, 255), Pixel(result.Picture, 0, 0));
        Assert.Equal(Palette.Diverging(-1), Pixel(result.Picture, 1, 0));
        HeatMapResult through = HeatMap.Render([0f, -1f], 1, 1, 2, picture, Plain with { Opacity = 0 });
        Assert.Equal(new Rgb(255, 255, 255), Pixel(through.Picture, 1, 0));
    }

    [Fact]
    public void Overlay_keeps_no_colour_of_the_picture()
    {
        var red = new Image(1, 1, 3, [255, 0, 0]);
        Rgb pixel = Pixel(HeatMap.Render([0f], 1, 1, 1, red, Plain).Picture, 0, 0);
        Assert.True(pixel.Red == pixel.Green && pixel.Green == pixel.Blue);
    }

    [Fact]
    public void Picture_may_be_grey_or_have_alpha_over_white()
    {
        Rgb grey = Pixel(HeatMap.Render([0f], 1, 1, 1, Image.Filled(1, 1, 100), Plain).Picture, 0, 0);
        Rgb opaque = Pixel(HeatMap.Render([0f], 1, 1, 1, Image.Filled(1, 1, 100, 100, 100, 255), Plain).Picture, 0, 0);
        Rgb clear = Pixel(HeatMap.Render([0f], 1, 1, 1, Image.Filled(1, 1, 100, 100, 100, 0), Plain).Picture, 0, 0);
        Rgb white = Pixel(HeatMap.Render([0f], 1, 1, 1, Image.Filled(1, 1, 255, 255, 255), Plain).Picture, 0, 0);
        Assert.Equal(grey, opaque);
        Assert.Equal(white, clear);
        Assert.NotEqual(white, grey);
    }

    [Fact]
    public void Small_map_is_brought_to_the_size_of_the_picture()
    {
        HeatMapResult result = HeatMap.Render([0f, 1f, 2f, 3f], 1, 2, 2, Uniform(40, 20, 90), Plain);
        Assert.Equal((40, 20), (result.Picture.Width, result.Picture.Height));
        Assert.NotEqual(Pixel(result.Picture, 0, 0), Pixel(result.Picture, 39, 19));
    }

    [Theory]
    [InlineData(8, 8, 256, 256)]
    [InlineData(28, 28, 280, 280)]
    [InlineData(1, 3, 86, 258)]
    [InlineData(224, 224, 224, 224)]
    [InlineData(100, 300, 100, 300)]
    public void Small_pictures_are_enlarged_by_whole_pixels(int height, int width, int shownHeight, int shownWidth)
    {
        float[] map = [.. Enumerable.Range(0, height * width).Select(i => (float)i)];
        Image picture = HeatMap.Render(map, 1, height, width, options: new HeatMapOptions { ColorBar = false }).Picture;
        Assert.Equal((shownHeight, shownWidth), (picture.Height, picture.Width));
        int times = shownWidth / width;
        Assert.Equal(Pixel(picture, 0, 0), Pixel(picture, times - 1, times - 1));
    }

    [Fact]
    public void Color_bar_runs_from_the_strongest_colour_down_to_its_opposite()
    {
        HeatMapResult with = HeatMap.Render([-1f, 1f, 0f, 0.5f], 1, 2, 2);
        HeatMapResult without = HeatMap.Render([-1f, 1f, 0f, 0.5f], 1, 2, 2, options: new HeatMapOptions { ColorBar = false });
        Assert.True(with.Picture.Width > without.Picture.Width + 20);
        Assert.Equal(without.Picture.Height, with.Picture.Height);
        int x = without.Picture.Width + 10;
        Assert.Equal(Palette.Diverging(1), Pixel(with.Picture, x, 1));
        Assert.Equal(Palette.Diverging(-1), Pixel(with.Picture, x, with.Picture.Height - 2));
        for (int y = 0; y < without.Picture.Height; y += 16)
        {
            Assert.Equal(Pixel(without.Picture, y, y), Pixel(with.Picture, y, y));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1234567)]
    [InlineData(-1.5e-30)]
    [InlineData(3e38)]
    public void Color_bar_can_write_every_limit(double value)
    {
        HeatMapResult result = HeatMap.Render([(float)value, (float)-value], 1, 1, 2);
        Assert.Equal(Math.Abs((float)value), result.Limit);
        Assert.Contains((byte)40, result.Picture.Pixels); // ink
    }

    [Fact]
    public void Tensors_of_one_row_are_accepted_and_batches_refused()
    {
        float[] values = [1, -2, 3, -4, 5, -6, 7, -8];
        byte[] expected = HeatMap.Render(values, 2, 2, 2).Picture.Pixels;
        Assert.Equal(expected, HeatMap.Render(Tensor.Create(values, [2, 2, 2])).Picture.Pixels);
        Assert.Equal(expected, HeatMap.Render(Tensor.Create(values, [1, 2, 2, 2])).Picture.Pixels);
        Assert.Equal((2, 4), (HeatMap.Render(Tensor.Create(values, [2, 4]), options: Plain).Picture.Height, 4));
        Assert.Contains("row by row", Assert.Throws<ShapeMismatchException>(() => HeatMap.Render(Tensor.Create(values, [2, 2, 2, 1]))).Message, StringComparison.Ordinal);
        Assert.Throws<ShapeMismatchException>(() => HeatMap.Render(Tensor.Create(values, [8])));
        Assert.Throws<ShapeMismatchException>(() => HeatMap.Render([], 1, 0, 0));
        Assert.Throws<ShapeMismatchException>(() => HeatMap.Render(values, 1, 2, 3));
    }

    [Theory]
    [InlineData(0, 0.5, 256)]
    [InlineData(double.NaN, 0.5, 256)]
    [InlineData(101, 0.5, 256)]
    [InlineData(99, 1.1, 256)]
    [InlineData(99, double.NaN, 256)]
    [InlineData(99, 0.5, 0)]
    public void Options_out_of_range_are_refused(double percentile, double opacity, int minimumSize)
    {
        var options = new HeatMapOptions { Percentile = percentile, Opacity = opacity, MinimumSize = minimumSize };
        Assert.Throws<InvalidOptionException>(() => HeatMap.Render([1f], 1, 1, 1, options: options));
    }
}
