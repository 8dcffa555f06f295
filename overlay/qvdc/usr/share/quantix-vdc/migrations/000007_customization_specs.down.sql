DROP TABLE customization_specs;
