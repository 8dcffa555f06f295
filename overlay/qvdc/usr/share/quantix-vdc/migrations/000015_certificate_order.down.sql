DROP TABLE certificate_order;
