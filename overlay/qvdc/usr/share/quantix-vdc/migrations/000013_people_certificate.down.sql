DROP TABLE people_certificate;
